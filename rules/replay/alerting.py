"""What becomes of the alerts of a rule, out of what its expression gave at all evaluations.

Labels of a rule that say something else at each evaluation, such as one with `$value`, make another
alert of each sample. Such rules are evaluated one time after the other, over the same columns.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from rules.evaluation.alerts import ALERTS, ALERTS_FOR_STATE, METRIC_NAME, STATE_LABEL
from rules.evaluation.rows import Key, Labels, Row, Value, key_of, label_rows
from rules.evaluation.steps import Moment, Texts
from rules.groups import Group, Rule
from rules.replay.asking import Asking
from rules.replay.histories import Histories
from rules.replay.limits import refused
from rules.replay.outcome import Became, Change, Recorded
from rules.replay.recording import REPEATED, TOO_MANY, with_markers, without_errors
from rules.replay.slots import Slots
from rules.replay.states import (
    DROPPED,
    END,
    ENDED,
    FIRES,
    FIRING,
    FIRST,
    GOES_ON,
    PENDING,
    RESOLVES,
    ROW,
    SINCE,
    STATE,
    VANISHES,
    Runs,
    Terms,
    TooManyRuns,
    runs_of,
)
from rules.replay.texts import is_fixed
from rules.replay.tracks import Track, good_steps, regrouped
from storage.histograms.histograms import parts_of
from storage.kernels.arrays import Int64s
from storage.labels.frames import LabelFrame
from storage.samples.merge import ranges
from storage.samples.samples import Samples

STATE_TEXTS = {PENDING: "pending", FIRING: "firing"}
BEGINS = {PENDING: Became.PENDING, FIRING: Became.FIRING}
ENDS = {VANISHES: Became.INACTIVE, RESOLVES: Became.RESOLVED, DROPPED: Became.DROPPED}


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What alerts know of where they are replayed, and how often one that fires is sent."""

    external_labels: Labels = field(default_factory=dict)
    external_url: str = ""
    resend_ms: int = 60_000


@dataclass(frozen=True, slots=True)
class RuleReplay:
    """One alerting rule, and what it is replayed with."""

    group: Group
    rule: Rule
    slots: Slots
    asking: Asking
    around: Surroundings

    @property
    def labels(self) -> Mapping[str, str]:
        return self.group.labels_of(self.rule)

    @property
    def has_fixed_labels(self) -> bool:
        return all(map(is_fixed, self.labels.values()))

    @property
    def end_ms(self) -> int:
        """When the last evaluation is over."""
        return self.slots.time_ms(self.slots.count)

    def moment(self, number: int) -> Moment:
        """An evaluation."""
        ts_ms = self.slots.time_ms(number)
        return Moment(
            ts_ms,
            lambda text: self.asking.template_query(text, ts_ms),
            self.around.external_labels,
            self.around.external_url,
            self.slots.interval_ms,
            self.around.resend_ms,
        )

    def texts(self, number: int) -> Texts:
        return Texts(self.rule, self.labels, self.moment(number))

    def terms(self) -> Terms:
        return Terms(
            self.rule.for_ms, self.rule.keep_firing_ms, self.group.limit, self.around.resend_ms
        )


def alerts_of(replay: RuleReplay, track: Track) -> tuple[Recorded, Callable[[], Histories]]:
    """ALERTS and ALERTS_FOR_STATE, and what gives how alerts changed, of a rule with fixed labels.
    The latter is asked once all rules are done, as annotations may read what any of them recorded.

    Evaluations that fail by what they gave are added to the track's errors. Raises ReplayRefused.
    """
    return _Alerts(replay, track).outcome()


class _Alerts:
    """The alerts of one rule, each a row."""

    def __init__(self, replay: RuleReplay, track: Track) -> None:
        self._replay = replay
        self._slots = replay.slots
        self._errors = track.errors
        self._row_labels = label_rows(track.labels)
        texts = replay.texts(0) if replay.slots.count else None
        numbers: dict[Key, int] = {}
        self.labels: list[Labels] = []
        of_row = np.zeros(len(self._row_labels), np.int64)
        for row, labels in enumerate(self._row_labels):
            assert texts is not None, "BUG: rows without evaluations"
            own = texts.labels(Row(labels, 0.0))
            of_row[row] = numbers.setdefault(key_of(own), len(numbers))
            if len(self.labels) < len(numbers):
                self.labels.append(own)
        samples, sources, repeated = regrouped(track.samples, of_row, len(numbers))
        for number in replay.slots.number_of(repeated).tolist():
            self._errors[number] = REPEATED.format("alert")
        kept = good_steps(self._slots, self._errors)[self._slots.number_of(samples.timestamps)]
        self._samples = without_errors(samples, self._slots, self._errors)
        self._sources = sources[kept]

    def outcome(self) -> tuple[Recorded, Callable[[], Histories]]:
        good = good_steps(self._slots, self._errors)
        numbers = np.flatnonzero(good)
        runs = self._runs(numbers, np.cumsum(good) - 1)
        for step in np.flatnonzero(runs.dropped).tolist():
            error = TOO_MANY.format(self._replay.group.limit, runs.dropped[step], "alerts")
            self._errors[int(numbers[step])] = error
        return self._recorded(runs, numbers), lambda: self._histories(runs, numbers)

    def _runs(self, numbers: Int64s, ranks: Int64s) -> Runs:
        samples = self._samples
        rows = np.repeat(np.arange(samples.series_count), np.diff(samples.offsets))
        most = self._replay.asking.spending.limits.changes
        try:
            return runs_of(
                rows,
                ranks[self._slots.number_of(samples.timestamps)],
                self._slots.times[numbers],
                self._replay.terms(),
                runs_max=most,
                row_count=samples.series_count,
            )
        except TooManyRuns:
            raise refused("max-changes", f"more than {most} changes of alerts", most) from None

    def _recorded(self, runs: Runs, numbers: Int64s) -> Recorded:
        """ALERTS of each stretch, and ALERTS_FOR_STATE beside it."""
        labels: dict[Key, int] = {}
        of_part = []
        for run in runs.table.tolist():
            for own in self._series(self.labels[run[ROW]], STATE_TEXTS[run[STATE]]):
                of_part.append(labels.setdefault(key_of(own), len(labels)))
        lengths = np.repeat(runs.table[:, END] - runs.table[:, FIRST], 2)
        offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        steps = ranges(np.repeat(runs.table[:, FIRST], 2), offsets)
        values = np.ones((len(runs.table), 2))
        values[:, 1] = runs.table[:, SINCE] // 1000
        at = self._slots.times[numbers] - self._slots.offset_ms
        parts = Samples(offsets, at[steps], np.repeat(values.reshape(-1), lengths))
        series, _, _ = regrouped(parts, np.array(of_part, np.int64), len(labels))
        self._replay.asking.spending.take(len(series))
        marked = with_markers(series, self._slots, good_steps(self._slots, self._errors))
        symbols = self._replay.asking.symbols
        return Recorded(LabelFrame.from_dicts(symbols, [dict(key) for key in labels]), marked)

    def _series(self, labels: Labels, state: str) -> list[dict[str, str]]:
        """As `evaluation.alerts.series_of`."""
        own = {name: text for name, text in self._replay.labels.items() if text}
        whole = {**own, **labels}
        return [
            {**whole, METRIC_NAME: ALERTS, STATE_LABEL: state},
            {**whole, METRIC_NAME: ALERTS_FOR_STATE},
        ]

    def _histories(self, runs: Runs, numbers: Int64s) -> Histories:
        found = Histories(self._replay.end_ms)
        for run in runs.table.tolist():
            labels = self.labels[run[ROW]]
            first = int(numbers[run[FIRST]])
            found.add(labels, self._change(run[ROW], first, BEGINS[run[STATE]]))
            if run[ENDED] not in (GOES_ON, FIRES):
                end = int(numbers[run[END]])
                found.add(labels, self._change(run[ROW], end, ENDS[run[ENDED]]))
        for row, counts in enumerate(runs.notices.tolist()):
            if sum(counts):
                found.notice(self.labels[row], sum(counts))
        return found

    def _change(self, row: int, number: int, became: Became) -> Change:
        """What an alert changed to, with its value then, or the last one before it ended."""
        samples = self._samples
        first, end = samples.offsets[row], samples.offsets[row + 1]
        own = samples.timestamps[first:end]
        side: Literal["left", "right"] = "right" if became in BEGINS.values() else "left"
        place = int(first + np.searchsorted(own, self._slots.at_ms(number), side) - 1)
        seen = int(self._slots.number_of(own[place - first : place - first + 1])[0])
        value: Value = float(samples.values[place])
        natives = samples.natives
        if natives is not None and natives.rows[place] >= 0:
            value = parts_of(natives.histograms, int(natives.rows[place]))
        source = Row(self._row_labels[self._sources[place]], value)
        annotations = self._replay.texts(seen).annotations(source)
        return Change(self._slots.time_ms(number), became, value, annotations)


def rows_by_step(track: Track, slots: Slots) -> list[list[Row]]:
    """What a track has at each evaluation, as rows."""
    labels = label_rows(track.labels)
    found: list[list[Row]] = [[] for _ in range(slots.count)]
    samples = track.samples
    numbers = slots.number_of(samples.timestamps).tolist()
    values: Sequence[float] = samples.values.tolist()
    rows = np.repeat(np.arange(samples.series_count), np.diff(samples.offsets)).tolist()
    for place, (row, number) in enumerate(zip(rows, numbers, strict=True)):
        natives = samples.natives
        if natives is not None and natives.rows[place] >= 0:
            own = parts_of(natives.histograms, int(natives.rows[place]))
            found[number].append(Row(labels[row], own))
        else:
            found[number].append(Row(labels[row], values[place]))
    return found
