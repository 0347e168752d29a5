"""`cupola retention --dry-run`: what retention would take away now, by segment and tenant.

It reads the catalog and the series tables of segments, and changes nothing; a server may be running
on the same directory.
"""

import argparse
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from receiver.settings.config import Config, ConfigError, load
from storage.options import StorageOptions

if TYPE_CHECKING:
    from storage.segments.segment import SegmentMeta
    from storage.shard.periods import TenantPeriods
    from storage.tenants.tenant import Tenant

HELP = "show what retention would take away"
DESCRIPTION = """\
The server drops by itself, every 10 seconds, what is past its retention.
With --dry-run, this command shows what that would be now, and changes nothing."""

EXIT_OK, EXIT_FAILURE, EXIT_USAGE = 0, 1, 2
LATEST_S = 253_402_300_799  # the end of the year 9999
NAMES = {0: "raw", 300_000: "5m", 3_600_000: "1h"}


@dataclass(frozen=True, slots=True)
class Line:
    """What would go: of a tenant, "" for all; why: age, size or a selector; size: in bytes.
    resolution_ms: 0 of samples as they came."""

    why: str
    tenant: str
    segment: str
    until_ms: int
    samples: int
    size: int
    resolution_ms: int = 0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", metavar="FILE", help="YAML file with settings of the server")
    parser.add_argument("--dry-run", action="store_true", help="show it")


def run(options: argparse.Namespace) -> int:
    """Show it; the exit code."""
    if not options.dry_run:
        sys.stderr.write("the server does this by itself; --dry-run shows what it would do now\n")
        return EXIT_USAGE
    from storage.errors import StorageError

    try:
        config = load(Path(options.config) if options.config else None, {})
        lines = list(lines_of(config, time.time_ns() // 1_000_000))
    except ConfigError as error:
        sys.stderr.write(f"cupola: {error}\n")
        return EXIT_USAGE
    except (StorageError, OSError) as error:
        sys.stderr.write(f"cupola: {error}\n")
        return EXIT_FAILURE
    sys.stdout.write("".join(f"{text}\n" for text in table(lines)))
    return EXIT_OK


def lines_of(config: Config, now_ms: int) -> Iterator[Line]:
    """What would go now. Raises ConfigError, StorageError or OSError."""
    from receiver.limits.limits import Limits, read_limits
    from storage.catalog.looking import look_at
    from storage.files import catalog_file
    from storage.shard.retention import too_large, too_old

    options = config.storage
    limits = read_limits(Path(config.limits.file)).value if config.limits.file else Limits()
    look = look_at(catalog_file(Path(options.path)))
    left = {segment.ulid: segment for segment in look.segments}
    for shard in sorted({segment.shard for segment in look.segments}):
        tenants = [tenant for tenant in look.tenants if tenant.shard == shard]
        periods = {tenant.name: limits.of(tenant.name).periods for tenant in tenants}
        own = [segment for segment in look.segments if segment.shard == shard]
        for segment in too_old(own, options, list(periods.values()), now_ms):
            del left[segment.ulid]
            yield whole("age", segment)
        kept = [segment for segment in own if segment.ulid in left]
        for resolution_ms in sorted({segment.resolution_ms for segment in kept}):
            same = [segment for segment in kept if segment.resolution_ms == resolution_ms]
            yield from parts_of(same, options, (tenants, periods), now_ms)
    for segment in too_large(left.values(), options.retention_bytes):
        yield whole("size", segment)


def whole(why: str, segment: "SegmentMeta") -> Line:
    s = segment
    return Line(why, "", s.ulid, s.max_ms, s.samples, s.bytes, s.resolution_ms)


def parts_of(
    segments: "list[SegmentMeta]",
    options: StorageOptions,
    of_tenants: "tuple[list[Tenant], dict[str, TenantPeriods]]",
    now_ms: int,
) -> Iterator[Line]:
    """What would be taken out of segments of one shard and resolution. Windows of a part of the
    series stay in their segment, but are not shown any more."""
    from storage.deletion.expiry import SHARE, samples_of, wishes_of
    from storage.files import SERIES_FILE, segments_directory

    tenants, periods = of_tenants
    resolution_ms = segments[0].resolution_ms
    wishes = wishes_of(tenants, options, periods.__getitem__, now_ms, resolution_ms=resolution_ms)
    for wish in wishes:
        why = " or ".join("{" + ", ".join(map(str, sets)) + "}" for sets in wish.matcher_sets)
        why += " (hidden only)" if resolution_ms else ""
        for segment in segments:
            if segment.max_ms > wish.end_ms:
                continue
            directory = segments_directory(Path(options.path), segment.shard) / segment.ulid
            count = samples_of(directory / SERIES_FILE, wish)
            if count and (resolution_ms or count * SHARE >= segment.samples):
                size = 0 if resolution_ms else segment.bytes * count // segment.samples
                name, until_ms = wish.tenant.name, segment.max_ms
                yield Line(why, name, segment.ulid, until_ms, count, size, resolution_ms)


def table(lines: list[Line]) -> Iterator[str]:
    """The lines as text, and their sum."""
    head = f"{'SEGMENT':26}  {'OF':3}  {'UNTIL':20}  {'SAMPLES':>12}  {'BYTES':>14}  TENANT  WHY"
    yield head
    for line in lines:
        seconds = min(max(line.until_ms // 1000, 0), LATEST_S)
        until = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))
        yield (
            f"{line.segment}  {NAMES.get(line.resolution_ms, '?'):3}  {until}  "
            f"{line.samples:12d}  {line.size:14d}  "
            f"{line.tenant or '(all)'}  {line.why}"
        )
    total = sum(line.size for line in lines)
    yield f"{len(lines)} lines, {total} bytes; those of a part of a segment are an estimate"
