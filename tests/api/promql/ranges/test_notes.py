"""Annotations about ranges: once for each metric, in the order of their kinds."""

import numpy as np

from api.promql.annotations import Place
from api.promql.ranges.mixed import CONFLICT, FOLDED, IGNORED, MIXED, OVERLAP
from api.promql.ranges.notes import INFOS, WARNINGS, report_notes
from api.promql.syntax.parser import parse
from storage.labels.frames import LabelFrame
from tests.api.promql.vectors.test_names import context


def test_metrics_are_named_once_each() -> None:
    ctx = context()
    labels = LabelFrame.from_dicts(ctx.symbols, [{"__name__": name} for name in ("b", "a", "b")])
    everywhere = np.ones((3, 2), np.bool_)
    first_only = np.array([[True, False], [False, False], [False, False]])
    notes = {OVERLAP: first_only, MIXED: everywhere, CONFLICT: everywhere, IGNORED: first_only}
    report_notes(ctx, Place(parse("x")), notes, labels)
    mixed = "encountered a mix of histograms and floats for metric name "
    overlap = "sample has start time that overlaps with previous sample timestamp for metric "
    assert [text.removeprefix("PromQL warning: ") for text in ctx.annotations.warnings()] == [
        mixed + '"b" (1:1)',
        mixed + '"a" (1:1)',
        "conflicting counter resets during histogram aggregation (1:1)",
        overlap + '"b" (1:1)',
    ]
    assert [text.removeprefix("PromQL info: ") for text in ctx.annotations.infos()] == [
        'ignored histograms in a range containing both floats and histograms for metric name "b" '
        "(1:1)"
    ]


def test_every_kind_has_one_text() -> None:
    assert not WARNINGS.keys() & INFOS.keys()
    assert sorted((*WARNINGS, *INFOS)) == list(range(len(WARNINGS) + len(INFOS)))
    assert FOLDED in INFOS
