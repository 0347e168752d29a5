"""The endpoints about what there is: labels, label values, series, metadata and the build."""

import platform
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from api.encoding import encode_data, encode_labelsets, encode_texts
from api.handlers import Call, Job
from api.params import SeriesParams, check_metadata_limits, series_params, unescape_label_name
from api.queriers import QuerierSource
from api.query_pool import Turn
from api.store import Querier

# Clients derive the API's abilities from the version of the Prometheus that it is like.
PROMETHEUS_VERSION = "3.14.0"


class MetadataHandlers:
    """The endpoints over one store that need no engine."""

    def __init__(self, source: QuerierSource) -> None:
        self._source = source
        self._build_info = encode_data(build_info())

    def labels(self, call: Call) -> Job:
        """The label names of the selected series."""
        params = series_params(call.params)

        def run(turn: Turn) -> Iterator[bytes]:
            names = self._querier(call, params).label_names(*params.selection)
            yield encode_texts(names, limit=params.limit)

        return Job(run)

    def label_values(self, call: Call) -> Job:
        """The values of one label of the selected series."""
        name = unescape_label_name(call.path["name"])
        params = series_params(call.params)

        def run(turn: Turn) -> Iterator[bytes]:
            values = self._querier(call, params).label_values(name, *params.selection)
            yield encode_texts(values, limit=params.limit)

        return Job(run)

    def series(self, call: Call) -> Job:
        """The label sets of the selected series."""
        params = series_params(call.params, required=True)

        def run(turn: Turn) -> Iterator[bytes]:
            labels = self._querier(call, params).series(*params.selection)
            yield from encode_labelsets(labels, limit=params.limit)

        return Job(run)

    def metadata(self, call: Call) -> bytes:
        """The types and help texts of metrics. None are stored yet, so there are none to tell."""
        check_metadata_limits(call.params)
        return encode_data({})

    def build_info(self, call: Call) -> bytes:
        return self._build_info

    def _querier(self, call: Call, params: SeriesParams) -> Querier:
        return self._source.querier(call.tenants, params.replicas)


def build_info() -> dict[str, str]:
    """What status/buildinfo tells. There are no `features`: they would announce a ruler."""
    built = datetime.fromtimestamp(Path(__file__).stat().st_mtime, UTC)
    return {
        "version": PROMETHEUS_VERSION,
        "revision": f"cupola-{_own_version()}",
        "branch": "cupola",
        "buildUser": "",
        "buildDate": built.strftime("%Y%m%d-%H:%M:%S"),
        "goVersion": f"python{platform.python_version()}",
    }


def _own_version() -> str:
    try:
        return version("cupola")
    except PackageNotFoundError:  # run from a source tree that is not installed
        return "unknown"
