"""Refused samples as data: why, how many, and the first of them spelled out.

One table of reasons, used for the answer to the sender, the log and the metrics. The message says
what was got, what is allowed and, where one governs it, the setting.
"""

import random
from collections.abc import Callable, Iterable

import numpy as np

from storage.batch import NO_POINT, Batch, Example, Reject
from storage.head.head import Appended
from storage.head.kernels import (
    EXAMPLES_MAX,
    REFUSED,
    UNSOUND,
)
from storage.kernels.arrays import Int32s, Int64s
from storage.labels.wire import first_labels
from storage.options import StorageOptions
from storage.reasons import (
    BAD_REFERENCE,
    CONFLICT,
    DROPPED_REF,
    DUPLICATE_NAME,
    EMPTY_NAME,
    LABEL_TOO_LONG,
    NO_METRIC_NAME,
    NOT_UTF8,
    OK,
    TABLE_FULL,
    TOO_FAR_IN_FUTURE,
    TOO_MANY_LABELS,
    TOO_MANY_METRICS,
    TOO_OLD,
)
from storage.refusals.histograms import HISTOGRAM_RULES
from storage.series.numbers import METRICS_MAX
from storage.series.symbol_labels import label_spans
from storage.tenants.rules import NO_RULES, TenantRules
from storage.tenants.rules import SERIES_REASONS as TENANT_SERIES_REASONS

# Senders keep the first 1,024 bytes of an answer.
EXAMPLE_CHARS_MAX = 300
EXAMPLE_LABELS_MAX = 20
INT64_MAX = np.iinfo(np.int64).max

SYMBOL_REFERENCE = "symbol_reference"
BAD_REFERENCE_RULE = "label references that are no pairs or point behind the request's symbols"

SERIES_REASONS: dict[int, tuple[str, Callable[[StorageOptions], str]]] = {
    TOO_MANY_LABELS: (
        "too_many_labels",
        lambda o: f"more than {o.labels_per_series_max} labels (storage.max-labels-per-series)",
    ),
    LABEL_TOO_LONG: (
        "label_too_long",
        lambda o: f"a label name or value over {o.label_bytes_max} bytes (storage.max-label-bytes)",
    ),
    NOT_UTF8: ("label_invalid", lambda _: "a label name or value that is not valid UTF-8"),
    EMPTY_NAME: ("label_invalid", lambda _: "a label with an empty name"),
    DUPLICATE_NAME: ("label_invalid", lambda _: "a label name that occurs twice"),
    BAD_REFERENCE: (SYMBOL_REFERENCE, lambda _: BAD_REFERENCE_RULE),
    NO_METRIC_NAME: ("label_invalid", lambda _: "no metric name (label __name__)"),
    TABLE_FULL: (
        "series_limit",
        lambda o: (
            f"one series more than the shard may know: at most {o.series_max} "
            f"(storage.max-series) and {o.symbol_bytes_max} bytes of distinct label names and "
            "values (storage.max-symbol-bytes)"
        ),
    ),
    TOO_MANY_METRICS: (
        "series_limit",
        lambda _: f"a metric name more than the {METRICS_MAX} a tenant may have in a shard",
    ),
}
SAMPLE_NAMES = {
    TOO_OLD: "too_old",
    TOO_FAR_IN_FUTURE: "too_far_in_future",
    CONFLICT: "duplicate",
}
KEPT_OUT = "kept_out"
REASONS = tuple(
    sorted(
        {KEPT_OUT}
        | {reason for reason, _ in SERIES_REASONS.values()}
        | {reason for reason, _ in TENANT_SERIES_REASONS.values()}
        | set(SAMPLE_NAMES.values())
        | {reason for reason, _ in HISTOGRAM_RULES.values()}
    )
)


def dropped_samples(batch: Batch, refs: Int32s) -> int:
    """Samples of series that relabelling drops."""
    dropped = refs == DROPPED_REF
    return int(np.diff(batch.sample_offsets)[dropped].sum()) if dropped.any() else 0


def describe_series(code: int, options: StorageOptions, rules: TenantRules) -> tuple[str, str]:
    """The reason and the text for a kernel's reason to refuse a series."""
    if code in TENANT_SERIES_REASONS:
        reason, describe_rules = TENANT_SERIES_REASONS[code]
        return reason, describe_rules(rules)
    reason, describe = SERIES_REASONS[code]
    made = " after metric_relabel_configs (limits.file)" if rules.relabel else ""
    return reason, describe(options) + made


def series_rejects(
    batch: Batch, refs: Int32s, options: StorageOptions, rules: TenantRules = NO_RULES
) -> list[Reject]:
    """Rejects of the series without a ref, one per kernel reason; they count samples."""
    rejects = []
    per_series = np.diff(batch.sample_offsets)
    for code in np.unique(refs[(refs < 0) & (refs != DROPPED_REF)]).tolist():
        reason, text = describe_series(-1 - code, options, rules)
        series = np.flatnonzero(refs == code)
        message = f"series refused: {text}; first: {label_text(batch, int(series[0]))}"
        examples = tuple(series_example(batch, i) for i in some_of(series))
        rejects.append(Reject(reason, int(per_series[series].sum()), message, examples))
    return rejects


def sample_rejects(
    batch: Batch,
    appended: Appended,
    accepted_ms: tuple[int, int],
    options: StorageOptions,
    rules: TenantRules,
) -> list[Reject]:
    """Rejects of single samples, one per reason. accepted_ms: the oldest and newest timestamp."""
    if not np.count_nonzero(appended.counts):
        return []
    oldest_by, newest_by = time_settings(options, rules)
    texts = {
        TOO_OLD: f"older than {accepted_ms[0]} ms ({oldest_by})",
        TOO_FAR_IN_FUTURE: f"newer than {accepted_ms[1]} ms ({newest_by})",
        CONFLICT: "another value than the newest sample of the series, at the same timestamp",
    }
    rejects = []
    for code, reason in SAMPLE_NAMES.items():
        count = int(appended.counts[code - TOO_OLD])
        if count:
            positions = appended.examples[code - TOO_OLD, :count].tolist()
            k = positions[0]
            message = (
                f"sample refused: {texts[code]}; one: {label_text(batch, series_of(batch, k))} "
                f"at {int(batch.timestamps[k])} ms, value {float(batch.values[k])!r}"
            )
            examples = tuple(sample_example(batch, series_of(batch, k), k) for k in positions)
            rejects.append(Reject(reason, count, message, examples))
    return rejects


def kept_out_rejects(batch: Batch, positions: Int64s) -> tuple[Reject, ...]:
    """The samples at these positions as a reject, of which the sender need not know."""
    if not len(positions):
        return ()
    k = int(positions[0])
    message = (
        "sample kept out: another value was written first at the same timestamp, which is older "
        f"than the newest of its series; one: {label_text(batch, series_of(batch, k))} "
        f"at {int(batch.timestamps[k])} ms, value {float(batch.values[k])!r}"
    )
    examples = tuple(sample_example(batch, series_of(batch, k), k) for k in some_of(positions))
    return (Reject(KEPT_OUT, len(positions), message, examples),)


def merged_reject(count: int, examples: tuple[Example, ...]) -> Reject:
    """Samples that were stored and lost when segments were merged; examples: at least one."""
    one = examples[0]
    message = (
        "sample kept out: another value was written first at the same timestamp, found when "
        f"segments were merged; one: {braced(one.labels.items())} at {one.timestamp_ms} ms, "
        f"value {one.value!r}"
    )
    return Reject(KEPT_OUT, count, message, examples)


def series_of(batch: Batch, sample: int) -> int:
    """The series that a sample of the batch belongs to."""
    return int(np.searchsorted(batch.sample_offsets, sample, side="right")) - 1


def some_of(refused: Int64s) -> list[int]:
    """Some of many refused series or samples, drawn at random so that each has its turn."""
    if len(refused) > EXAMPLES_MAX:
        refused = refused[random.sample(range(len(refused)), EXAMPLES_MAX)]
    return [int(i) for i in refused]


def series_example(batch: Batch, series: int) -> Example:
    """A refused series, with the first of its samples if it has one."""
    first, end = batch.sample_offsets[series : series + 2].tolist()
    if first == end:
        return Example(labels_of(batch, series))
    return sample_example(batch, series, first)


def sample_example(batch: Batch, series: int, sample: int) -> Example:
    timestamp_ms, value = int(batch.timestamps[sample]), float(batch.values[sample])
    return Example(labels_of(batch, series), timestamp_ms, value)


def time_settings(options: StorageOptions, rules: TenantRules) -> tuple[str, str]:
    """Which setting decides how old and how new a sample may be."""
    oldest = f"storage.retention={options.retention_ms} ms"
    newest = f"storage.creation-grace-period={options.creation_grace_period_ms} ms"
    if rules.out_of_order_ms and (rules.out_of_order_ms < (options.retention_ms or INT64_MAX)):
        oldest = f"out_of_order_time_window={rules.out_of_order_ms} ms in limits.file"
    if rules.grace_ms is not None:
        newest = f"creation_grace_period={rules.grace_ms} ms in limits.file"
    return oldest, newest


def histogram_rejects(batch: Batch, refs: Int32s) -> list[Reject]:
    """Rejects of native histograms that the decoder found unsound, in series that are accepted, one
    per reason."""
    natives = batch.natives
    if natives is None or natives.reasons is None or not natives.reasons.any():
        return []
    positions = np.flatnonzero(natives.mask)
    series = np.searchsorted(batch.sample_offsets, positions, side="right") - 1
    reasons = np.where(refs[series] >= 0, natives.reasons[natives.rows[positions]], OK)
    rejects = []
    for code in np.unique(reasons[reasons != OK]).tolist():
        reason, rule = HISTOGRAM_RULES[code]
        found = positions[reasons == code]
        k = int(found[0])
        message = (
            f"native histogram refused: {rule}; first: {label_text(batch, series_of(batch, k))} "
            f"at {int(batch.timestamps[k])} ms"
        )
        examples = tuple(sample_example(batch, series_of(batch, k), k) for k in some_of(found))
        rejects.append(Reject(reason, len(found), message, examples))
    return rejects


def refused_points(batch: Batch, refs: Int32s, places: Int64s | None) -> int:
    """How many data points have lost a sample. places: those of the head, after it took them."""
    if batch.points is None or places is None:
        return 0
    lost = (places == REFUSED) | (places == UNSOUND)
    lost &= np.repeat(refs != DROPPED_REF, np.diff(batch.sample_offsets))
    points = np.unique(batch.points[lost])
    return int(np.count_nonzero(points != NO_POINT))


def label_text(batch: Batch, series: int) -> str:
    """The labels of a series as they came, like {a="1", b="2"}, cut to EXAMPLE_CHARS_MAX.

    Refused label sets may be of any length and hold any bytes, but their messages are whole: a
    batch with damaged ones is refused before.
    """
    return braced(label_texts(batch, series))


def braced(labels: Iterable[tuple[str, str]]) -> str:
    """Labels like {a="1", b="2"}, cut to EXAMPLE_CHARS_MAX."""
    texts = ", ".join(f'{name}="{value}"' for name, value in labels)
    return ("{" + texts + "}")[:EXAMPLE_CHARS_MAX]


def labels_of(batch: Batch, series: int) -> dict[str, str]:
    """The first EXAMPLE_LABELS_MAX labels of a series; each text cut to EXAMPLE_CHARS_MAX."""
    return dict(label_texts(batch, series))


def label_texts(batch: Batch, series: int) -> list[tuple[str, str]]:
    if batch.symbols is None:
        spans = np.zeros((EXAMPLE_LABELS_MAX, 4), np.int64)
        start, end = int(batch.label_start[series]), int(batch.label_end[series])
        spans = spans[: first_labels(batch.buffer, start, end, spans)]
    else:
        spans = label_spans(batch, batch.symbols, series, EXAMPLE_LABELS_MAX)
    return [(_text(batch, *span[:2]), _text(batch, *span[2:])) for span in spans.tolist()]


def _text(batch: Batch, start: int, length: int) -> str:
    raw = batch.buffer[start : start + min(length, EXAMPLE_CHARS_MAX)].tobytes()
    return printable(raw.decode("utf-8", "replace"))


def printable(text: str) -> str:
    """A text fit for messages, cut to EXAMPLE_CHARS_MAX."""
    return "".join(c if c.isprintable() else "?" for c in text[:EXAMPLE_CHARS_MAX])
