"""`cupola sidecar`: its flags, and the program that they mean."""

import argparse
import sys
from typing import TYPE_CHECKING

from receiver.gateway.flags import DEFAULTS, add_flags, configured, given_by
from receiver.settings.config import ConfigError

if TYPE_CHECKING:
    from receiver.sidecar.options import SidecarOptions

HELP = "stand beside a Prometheus: upload its blocks, and serve its series to queries"
DESCRIPTION = """\
Stand beside a Prometheus: upload its finished blocks to a bucket in Thanos' layout,
and serve its series by Thanos' StoreAPI (gRPC), by remote read and by the query API.

External labels are those of the Prometheus' own configuration, read again and again.
What was uploaded is noted in thanos.shipper.json beside the blocks, as Thanos' sidecar
does: either goes on where the other ended.
"""
EXIT_FAILURE, EXIT_USAGE = 1, 2
# Settings of a server that only a sidecar has, beside those of all such programs.
FLAGS = (
    "objstore.config-file",
    "objstore.config",
    "objstore.request-timeout",
    "objstore.max-tries",
    "stores.response-timeout",
    "storage.path",
    "storage.head.max-age",
    "storage.retention",
    "objstore.interval",
    "objstore.local-size",
)
THANOS, SEGMENTS = LAYOUTS = "thanos", "segments"
# How long what is not in segments yet stays on the disk of the sidecar alone.
OF_SEGMENTS = {**DEFAULTS, "storage.head.max-age": "5m"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--prometheus.url", dest="prometheus_url", metavar="URL",
        default="http://localhost:9090", help="address of the Prometheus. Default: %(default)s.",
    )  # fmt: skip
    parser.add_argument(
        "--prometheus.client-file", dest="client_file", metavar="FILE", default="",
        help="YAML file that says how it is asked: headers, bearer_token_file, basic_auth, "
        "tls_config, as for an entry of remote_read in stores.file",
    )  # fmt: skip
    parser.add_argument(
        "--prometheus.get-config-interval", "--prometheus.get_config_interval",
        dest="config_interval", metavar="DURATION", default="30s",
        help="how often its external labels are read again. Default: %(default)s.",
    )  # fmt: skip
    parser.add_argument(
        "--tsdb.path", dest="tsdb_path", metavar="DIR", default="./data",
        help="directory with its blocks; only used with a bucket. Default: %(default)s.",
    )  # fmt: skip
    parser.add_argument(
        "--shipper.interval", dest="interval", metavar="DURATION", default="30s",
        help="how often it is looked for finished blocks. Default: %(default)s.",
    )  # fmt: skip
    parser.add_argument(
        "--shipper.ignore-unequal-block-size", dest="ignores_durations", action="store_true",
        help="upload although the Prometheus may compact blocks before they are uploaded",
    )  # fmt: skip
    parser.add_argument(
        "--shipper.layout", dest="layout", choices=LAYOUTS, default=THANOS,
        help="how blocks are uploaded: as Thanos has them, or as segments, which a server of role "
        "query reads; these are made in --storage.path. Default: %(default)s.",
    )  # fmt: skip
    parser.add_argument(
        "--shipper.tenant", dest="tenant", metavar="NAME", default="default",
        help="tenant of the segments. Default: %(default)s.",
    )  # fmt: skip
    parser.add_argument("--config", metavar="FILE", help="YAML file with settings; flags win")
    add_flags(parser, FLAGS)


def run(options: argparse.Namespace) -> int:
    """Serve until a signal ends the program; the exit code."""
    from receiver.gateway.program import serve
    from receiver.logs import set_up_logging
    from receiver.sidecar.program import maker_of

    try:
        defaults = OF_SEGMENTS if options.layout == SEGMENTS else DEFAULTS
        config = configured(options.config, given_by(options), defaults)
        set_up_logging(config.program.log_level, config.program.log_format)
        return serve(config, maker_of(sidecar_options(options)))
    except (ConfigError, ValueError) as error:
        sys.stderr.write(f"cupola: {error}\n")
        return EXIT_USAGE
    except OSError as error:
        sys.stderr.write(f"cupola: cannot serve: {error}\n")
        return EXIT_FAILURE


def sidecar_options(options: argparse.Namespace) -> "SidecarOptions":
    """Raises ConfigError, ValueError."""
    from receiver.settings.kinds import parse_value
    from receiver.sidecar.options import SidecarOptions, server_of_file
    from storage.errors import TenantError
    from storage.tenants.tenant import parse_tenant

    try:
        tenant = parse_tenant(options.tenant) if options.layout == SEGMENTS else ""
    except TenantError as error:
        raise ValueError(f"--shipper.tenant: {error}") from None

    def duration(flag: str, text: str) -> float:
        try:
            return int(parse_value("duration", text, (10, 86_400_000))) / 1000
        except ValueError as error:
            raise ValueError(f"--{flag}: got {text!r}; allowed is {error}") from None

    return SidecarOptions(
        server_of_file(options.prometheus_url, options.client_file),
        options.tsdb_path,
        duration("prometheus.get-config-interval", options.config_interval),
        duration("shipper.interval", options.interval),
        ignores_durations=options.ignores_durations,
        tenant=tenant,
    )
