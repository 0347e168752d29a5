"""Views over the segments of a data directory, in a DuckDB of its own.

    samples     tenant, labels, series_id, ts, time, value, start_ts
    histograms  the same with the columns of histograms.parquet
    exemplars   tenant, labels, series_id, ts, time, value, exemplar_labels
    aggregates  tenant, labels, series_id, resolution_ms, window_ts, and what a window has
    series      tenant, labels, series_id, min_ts, max_ts, samples, last_value
    metadata    tenant, family, type, help, unit
    segments    what the catalog lists

Segments that share no time with others of their shard are read as they are. Of those that do, the
sample of the lowest rank counts, as for queries; the window that finds it is over the columns by
which filters come, so that these reach the files: row groups of other times and series are not
read.
"""

from collections.abc import Collection, Sequence
from pathlib import Path

import duckdb

from storage.bucket.attached import BucketOfOthers, WithoutBucket
from storage.files import (
    AGGREGATES_FILE,
    EXEMPLARS_FILE,
    HISTOGRAMS_FILE,
    SAMPLES_FILE,
    SERIES_FILE,
)
from storage.labels.matchers import Matcher
from storage.sql.listing import Hidden, ListedSegment, Listing
from storage.sql.remote import Columns, with_remote

Attached = BucketOfOthers | WithoutBucket

LABELS = "MAP(VARCHAR, VARCHAR)"
# Columns by name, with their types.
POINT_COLUMNS: Columns = {"series_id": "BIGINT", "ts": "BIGINT", "start_ts": "BIGINT"}
SAMPLE_COLUMNS: Columns = {**POINT_COLUMNS, "value": "DOUBLE"}
# Most values are stored as integers, by a power of ten (docs/formats/segments.md).
SCALED_COLUMNS: Columns = {"scaled": "BIGINT", "scale": "TINYINT"}
SCALED_VALUE = "coalesce(value, scaled / 10::DOUBLE ** scale)"
HISTOGRAM_COLUMNS: Columns = {
    **POINT_COLUMNS,
    "schema": "TINYINT",
    "counter_reset_hint": "TINYINT",
    "count": "DOUBLE",
    "sum": "DOUBLE",
    "zero_threshold": "DOUBLE",
    "zero_count": "DOUBLE",
    "positive_indexes": "INTEGER[]",
    "positive_counts": "DOUBLE[]",
    "negative_indexes": "INTEGER[]",
    "negative_counts": "DOUBLE[]",
    "custom_bounds": "DOUBLE[]",
}
EXEMPLAR_COLUMNS: Columns = {
    "series_id": "BIGINT", "ts": "BIGINT", "value": "DOUBLE", "labels": LABELS,
}  # fmt: skip
SERIES_COLUMNS: Columns = {
    "series_id": "BIGINT", "tenant": "VARCHAR", "labels": LABELS, "min_ts": "BIGINT",
    "max_ts": "BIGINT", "samples": "BIGINT", "last_value": "DOUBLE",
}  # fmt: skip
SEGMENT_COLUMNS: Columns = {
    "ulid": "VARCHAR", "shard": "INTEGER", "number": "BIGINT", "rank": "BIGINT",
    "min_ts": "BIGINT", "max_ts": "BIGINT", "samples": "BIGINT", "series": "BIGINT",
    "bytes": "BIGINT", "exemplars": "BIGINT", "histograms": "BIGINT", "level": "INTEGER",
    "resolution_ms": "BIGINT", "created_ms": "BIGINT", "from_ts": "BIGINT", "to_ts": "BIGINT",
}  # fmt: skip

NO_PLACE = "(NULL::VARCHAR, NULL::BIGINT, NULL::VARCHAR)"
RENAMED = {"min_ts": "min_ms", "max_ts": "max_ms", "from_ts": "from_ms", "to_ts": "to_ms"}
AGGREGATE_COLUMNS: Columns = {
    "series_id": "BIGINT", "ts": "BIGINT", "count": "INTEGER", "first_age": "INTEGER",
    "min_age": "INTEGER", "max_age": "INTEGER", "stale_age": "INTEGER", "falls": "INTEGER",
    "last": "DOUBLE", "first": "DOUBLE", "min": "DOUBLE", "max": "DOUBLE", "sum": "DOUBLE",
    "fallen": "DOUBLE", "scale": "TINYINT", "last_scaled": "BIGINT", "first_scaled": "BIGINT",
    "min_scaled": "BIGINT", "max_scaled": "BIGINT", "sum_scaled": "BIGINT",
}  # fmt: skip
COLUMNS_OF_FILES = {
    SAMPLES_FILE: SAMPLE_COLUMNS | SCALED_COLUMNS,
    HISTOGRAMS_FILE: HISTOGRAM_COLUMNS,
    AGGREGATES_FILE: AGGREGATE_COLUMNS,
}
# Of a window's values, those that follow from others are null in both ways.
LAST = "coalesce(a.last, a.last_scaled / 10::DOUBLE ** a.scale)"
FIRST = f"coalesce(a.first, a.first_scaled / 10::DOUBLE ** a.scale, {LAST})"
SMALLEST = f"coalesce(a.min, a.min_scaled / 10::DOUBLE ** a.scale, {FIRST})"
LARGEST = f"coalesce(a.max, a.max_scaled / 10::DOUBLE ** a.scale, {LAST})"
SUM = f"coalesce(a.sum, a.sum_scaled / 10::DOUBLE ** a.scale, {LAST} * a.count)"


def connect(
    listing: Listing, *, memory_bytes: int, threads: int, attached: Attached | None = None
) -> duckdb.DuckDBPyConnection:
    """A DuckDB that has the views, and nothing of a database itself. attached: where what is not
    here may be."""
    connection = open_duckdb(memory_bytes=memory_bytes, threads=threads)
    create_views(connection, listing, attached)
    return connection


def open_duckdb(*, memory_bytes: int, threads: int) -> duckdb.DuckDBPyConnection:
    """One without any views."""
    connection = duckdb.connect(
        ":memory:",
        config={
            "memory_limit": f"{max(1, memory_bytes >> 20)}MiB",
            "threads": str(threads),
            "python_enable_replacements": "false",
            "autoinstall_known_extensions": "false",
        },
    )
    connection.execute("SET parquet_metadata_cache = true")
    return connection


def create_views(
    connection: duckdb.DuckDBPyConnection, listing: Listing, attached: Attached | None = None
) -> None:
    """Make the views, or make them anew."""
    attached = attached or WithoutBucket(listing.data)
    listing = with_remote(connection, listing, attached, COLUMNS_OF_FILES)
    # Aggregates of other resolutions are no samples.
    raw = [s for s in listing.segments if s.columns["resolution_ms"] == 0]
    create_series(connection, raw)
    coarse = [s for s in listing.segments if s.columns["resolution_ms"] != 0]
    create_series(connection, coarse, "aggregated_series")
    create_tables(connection, listing)
    create_hidden(connection, listing.hidden)
    masked = {hidden.ulid for hidden in listing.hidden}
    histograms = [s for s in raw if s.columns["histograms"]]
    exemplars = [s for s in raw if s.columns["exemplars"]]
    samples = newest_of(raw, SAMPLES_FILE, SAMPLE_COLUMNS, masked)
    connection.execute(f"CREATE OR REPLACE VIEW samples AS {with_labels(samples, 'p.value')}")
    points = newest_of(histograms, HISTOGRAMS_FILE, HISTOGRAM_COLUMNS, masked)
    connection.execute(f"CREATE OR REPLACE VIEW aggregates AS {aggregates_of(coarse, masked)}")
    own = "p.* EXCLUDE (series_id, ts, start_ts)"
    connection.execute(f"CREATE OR REPLACE VIEW histograms AS {with_labels(points, own)}")
    found = scan(exemplars, EXEMPLARS_FILE, EXEMPLAR_COLUMNS)
    connection.execute(
        "CREATE OR REPLACE VIEW exemplars AS "
        "SELECT s.tenant, s.labels, e.series_id, e.ts, make_timestamp(e.ts * 1000) AS time, "
        "e.value, e.labels AS exemplar_labels "
        f"FROM (SELECT DISTINCT {listed(EXEMPLAR_COLUMNS)} FROM {found}) AS e "
        "JOIN series AS s USING (series_id)"
    )


def create_series(
    connection: duckdb.DuckDBPyConnection, segments: Sequence[ListedSegment], name: str = "series"
) -> None:
    """The series of segments, once each: a table, because every view needs it."""
    found = scan(segments, SERIES_FILE, SERIES_COLUMNS)
    connection.execute(
        f"CREATE OR REPLACE TABLE {name} AS SELECT any_value(tenant) AS tenant, "
        "any_value(labels) AS labels, series_id, min(min_ts) FILTER (samples > 0) AS min_ts, "
        "max(max_ts) FILTER (samples > 0) AS max_ts, sum(samples)::BIGINT AS samples, "
        "arg_max(last_value, max_ts) AS last_value "
        f"FROM {found} GROUP BY series_id ORDER BY series_id"
    )


def create_tables(connection: duckdb.DuckDBPyConnection, listing: Listing) -> None:
    """What the catalog itself says."""
    connection.execute(
        "CREATE OR REPLACE TABLE metadata "
        "(tenant VARCHAR, family VARCHAR, type VARCHAR, help VARCHAR, unit VARCHAR)"
    )
    if listing.metadata:
        connection.executemany("INSERT INTO metadata VALUES (?, ?, ?, ?, ?)", listing.metadata)
    kinds = ", ".join(f"{name} {kind}" for name, kind in SEGMENT_COLUMNS.items())
    connection.execute(f"CREATE OR REPLACE TABLE segments ({kinds})")
    names = [RENAMED.get(name, name) for name in SEGMENT_COLUMNS]
    rows = [[segment.columns[name] for name in names] for segment in listing.segments]
    if rows:
        marks = ", ".join("?" * len(rows[0]))
        connection.executemany(f"INSERT INTO segments VALUES ({marks})", rows)


def create_hidden(connection: duckdb.DuckDBPyConnection, hidden: Sequence[Hidden]) -> None:
    """Which series a deletion hides in which segment, and when."""
    connection.execute(
        "CREATE OR REPLACE TABLE hidden "
        "(ulid VARCHAR, series_id BIGINT, start_ms BIGINT, end_ms BIGINT)"
    )
    for each in hidden:
        any_set = " OR ".join(
            "(" + " AND ".join(["true", *map(condition, matchers)]) + ")"
            for matchers in each.matcher_sets
        )
        connection.execute(
            "INSERT INTO hidden SELECT ?, series_id, ?, ? "
            "FROM (FROM series UNION ALL FROM aggregated_series) "
            f"WHERE tenant = ? AND ({any_set or 'false'})",
            [each.ulid, each.start_ms, each.end_ms, each.tenant],
        )


def condition(matcher: Matcher) -> str:
    """A matcher as SQL; a label that there is not is empty."""
    label = f"coalesce(labels[{quoted(matcher.name)}], '')"
    if matcher.op in ("=", "!="):
        return f"{label} {matcher.op} {quoted(matcher.value)}"
    matches = f"regexp_full_match({label}, {quoted(matcher.value)}, 's')"
    return matches if matcher.op == "=~" else f"NOT {matches}"


def with_labels(points: str, columns: str) -> str:
    """Points with the tenant and the labels of their series."""
    return (
        "SELECT s.tenant, s.labels, p.series_id, p.ts, make_timestamp(p.ts * 1000) AS time, "
        f"{columns}, p.start_ts FROM ({points}) AS p JOIN series AS s USING (series_id)"
    )


def newest_of(
    segments: Sequence[ListedSegment], file: str, columns: Columns, masked: set[str]
) -> str:
    """A query for the points of all segments, of equal series and time that of the lowest rank.
    masked: the segments of which something is hidden."""
    alone, crowded = by_overlap(segments, masked)
    names = listed(columns)
    parts = [f"SELECT {names} FROM {scan(alone, file, columns)}"]
    if crowded:
        paths = [file_of(segment, file) for segment in crowded]
        places = ", ".join(
            f"({quoted(path)}, {place}, {quoted(segment.columns['ulid'])})"
            for place, (path, segment) in enumerate(zip(paths, crowded, strict=True))
        )
        visible = (
            "WHERE NOT EXISTS (FROM hidden AS h WHERE h.ulid = r.ulid "
            "AND h.series_id = p.series_id AND p.ts BETWEEN h.start_ms AND h.end_ms) "
        )
        parts.append(
            f"SELECT {names} FROM {scan(crowded, file, columns)} AS p "
            f"JOIN (VALUES {places}) AS r(filename, place, ulid) USING (filename) "
            f"{visible if masked else ''}"
            "QUALIFY row_number() OVER (PARTITION BY series_id, ts ORDER BY place) = 1"
        )
    return " UNION ALL ".join(parts)


def by_overlap(
    segments: Sequence[ListedSegment], masked: Collection[str] = ()
) -> tuple[list[ListedSegment], list[ListedSegment]]:
    """(those that share no time with another of their shard and are not masked, the others), each
    in its order."""
    crowded = set(masked)
    ordered = sorted(segments, key=lambda s: (s.columns["shard"], s.span))
    last: ListedSegment | None = None
    for segment in ordered:
        if last is not None and last.columns["shard"] == segment.columns["shard"]:
            if segment.span[0] <= last.span[1]:
                crowded |= {last.columns["ulid"], segment.columns["ulid"]}
            if segment.span[1] <= last.span[1]:
                continue
        last = segment
    return (
        [s for s in segments if s.columns["ulid"] not in crowded],
        [s for s in segments if s.columns["ulid"] in crowded],
    )


def scan(segments: Sequence[ListedSegment], file: str, columns: Columns) -> str:
    """A table of one file of all these segments; a column that a file lacks is null."""
    scaled = SCALED_COLUMNS if file == SAMPLES_FILE else {}
    nulls = ", ".join(f'NULL::{kind} AS "{name}"' for name, kind in {**columns, **scaled}.items())
    empty = f"SELECT {nulls}, NULL::VARCHAR AS filename WHERE false"
    local = [quoted(file_of(segment, file)) for segment in segments if file not in segment.tables]
    parts = [empty]
    if local:
        paths = ", ".join(local)
        parts.append(
            f"SELECT * FROM read_parquet([{paths}], filename = true, union_by_name = true)"
        )
    parts += [
        f'SELECT *, {quoted(file_of(segment, file))} AS filename FROM "{segment.tables[file]}"'
        for segment in segments
        if file in segment.tables
    ]
    # It may be that no file has start timestamps, or scaled values.
    found = f"({' UNION ALL BY NAME '.join(parts)})"
    return f"(SELECT * REPLACE ({SCALED_VALUE} AS value) FROM {found})" if scaled else found


def aggregates_of(segments: Sequence[ListedSegment], masked: set[str]) -> str:
    """A query for the windows of downsampled segments, of which no two have the same; one that a
    deletion touches is not there."""
    found = scan(segments, AGGREGATES_FILE, AGGREGATE_COLUMNS)
    places = ", ".join(
        f"({quoted(file_of(s, AGGREGATES_FILE))}, {s.columns['resolution_ms']}::BIGINT, "
        f"{quoted(s.columns['ulid'])})"
        for s in segments
    )
    visible = (
        "WHERE NOT EXISTS (FROM hidden AS h WHERE h.ulid = r.ulid AND h.series_id = a.series_id "
        "AND a.ts + coalesce(a.stale_age, 0) >= h.start_ms AND a.ts - a.first_age <= h.end_ms)"
    )
    return (
        "SELECT s.tenant, s.labels, a.series_id, r.resolution_ms, "
        "(ceil(a.ts / r.resolution_ms) * r.resolution_ms)::BIGINT AS window_ts, "
        f"a.count, a.ts - a.first_age AS first_ts, {FIRST} AS first, a.ts AS last_ts, "
        f"{LAST} AS last, a.ts - a.min_age AS min_ts, {SMALLEST} AS min, "
        f"a.ts - a.max_age AS max_ts, {LARGEST} AS max, {SUM} AS sum, a.falls, "
        "coalesce(a.fallen, 0) AS fallen, "
        f"a.ts + a.stale_age AS stale_ts FROM {found} AS a "
        f"JOIN (VALUES {places or NO_PLACE}) AS r(filename, resolution_ms, ulid) USING (filename) "
        f"JOIN aggregated_series AS s USING (series_id) {visible if masked else ''}"
    )


def listed(columns: Columns) -> str:
    return ", ".join(f'"{name}"' for name in columns)


def file_of(segment: ListedSegment, file: str) -> str:
    return str(segment.directory / file)


def quoted(text: str | Path) -> str:
    return "'" + str(text).replace("'", "''") + "'"
