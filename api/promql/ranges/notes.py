"""What functions over ranges have to say about windows with native histograms or start timestamps.

Notes come as masks of cells; what is said depends on the metric's name and is said once for each.
"""

from __future__ import annotations

from collections.abc import Mapping

from api.promql.annotations import Place
from api.promql.context import Context
from api.promql.go_format import quote
from api.promql.ranges.mixed import (
    ADDED,
    CONFLICT,
    FOLDED,
    IGNORED,
    MIXED,
    NOT_COUNTER,
    NOT_GAUGE,
    OVERLAP,
    SCHEMAS,
    SUBTRACTED,
)
from storage.kernels.arrays import Bools
from storage.labels.frames import LabelFrame
from storage.labels.matchers import METRIC_NAME

WARNINGS = {
    MIXED: "encountered a mix of histograms and floats for metric name ",
    SCHEMAS: (
        "vector contains a mix of histograms with exponential and custom buckets schemas for "
        "metric name "
    ),
    NOT_COUNTER: "this native histogram metric is not a counter: ",
    NOT_GAUGE: "this native histogram metric is not a gauge: ",
    OVERLAP: "sample has start time that overlaps with previous sample timestamp for metric ",
    CONFLICT: "conflicting counter resets during histogram aggregation",
}
INFOS = {
    IGNORED: "ignored histograms in a range containing both floats and histograms for metric name ",
    SUBTRACTED: "mismatched custom buckets were reconciled during subtraction",
    ADDED: "mismatched custom buckets were reconciled during addition",
    FOLDED: "mismatched custom buckets were reconciled during aggregation",
}


def report_notes(
    context: Context, place: Place, notes: Mapping[int, Bools], labels: LabelFrame
) -> None:
    """Make the annotations; labels are those of the rows of the masks."""
    for kind in sorted(notes):
        text = WARNINGS.get(kind) or INFOS[kind]
        say = context.warn if kind in WARNINGS else context.info
        if not text.endswith(" "):
            say(text, place)
            continue
        codes = labels.column(METRIC_NAME)[notes[kind].any(axis=1)]
        for code in dict.fromkeys(codes.tolist()):
            say(text + quote(context.symbols.text(int(code))), place)
