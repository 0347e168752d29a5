"""What a recording rule writes, out of what its expression gave at all evaluations."""

from __future__ import annotations

import numpy as np

from rules.groups import Group, Rule
from rules.replay.outcome import Recorded
from rules.replay.slots import Slots
from rules.replay.tracks import Track, good_steps, regrouped
from storage.kernels.arrays import Bools, Int64s
from storage.kernels.jit import kernel
from storage.kernels.stale import STALE_NAN_BITS
from storage.labels.frames import LabelFrame
from storage.labels.matchers import METRIC_NAME
from storage.samples.merge import merge, pick
from storage.samples.samples import Samples

REPEATED = "vector contains metrics with the same labelset after applying {} labels"
TOO_MANY = "exceeded limit of {} with {} {}"


def recorded_of(group: Group, rule: Rule, track: Track, slots: Slots) -> Recorded:
    """The series, with a stale marker wherever one is not there any more at the next evaluation
    that went well. Evaluations that fail by what they gave are added to the track's errors."""
    frame = _labelled(group, rule, track.labels)
    numbers, firsts = frame.group(frame.names)
    samples, _, repeated = regrouped(track.samples, numbers, len(firsts))
    for number in slots.number_of(repeated).tolist():
        track.errors[number] = REPEATED.format("rule")
    if group.limit > 0:
        samples = without_errors(samples, slots, track.errors)
        counts = np.bincount(slots.number_of(samples.timestamps), minlength=slots.count)
        for number in np.flatnonzero(counts > group.limit).tolist():
            track.errors[number] = TOO_MANY.format(group.limit, counts[number], "series")
    samples = without_errors(samples, slots, track.errors)
    return Recorded(
        frame.take(firsts), with_markers(samples, slots, good_steps(slots, track.errors))
    )


def _labelled(group: Group, rule: Rule, labels: LabelFrame) -> LabelFrame:
    """With the labels of the rule; its own win, and empty ones take a label away."""
    own = {METRIC_NAME: rule.record, **group.labels_of(rule)}
    for name, text in own.items():
        code = labels.symbols.code(text)
        labels = labels.with_column(name, np.full(labels.rows, code, np.int32))
    return labels


def without_errors(samples: Samples, slots: Slots, errors: dict[int, str]) -> Samples:
    """What evaluations gave that went well."""
    if not errors:
        return samples
    kept = good_steps(slots, errors)[slots.number_of(samples.timestamps)]
    if kept.all():
        return samples
    counts = np.concatenate([[0], np.cumsum(kept)])
    return pick(samples, counts[samples.offsets], np.flatnonzero(kept))


def with_markers(samples: Samples, slots: Slots, good: Bools) -> Samples:
    """The samples with the stale markers that follow them."""
    numbers = np.flatnonzero(good)
    ranks = np.cumsum(good) - 1
    steps = ranks[slots.number_of(samples.timestamps)]
    times = slots.times[numbers] - slots.offset_ms
    offsets = np.zeros_like(samples.offsets)
    markers = np.empty(len(samples), np.int64)
    mark_ends(samples.offsets, steps, times, offsets, markers)
    if offsets[-1] == 0:
        return samples
    stale = np.full(int(offsets[-1]), STALE_NAN_BITS, np.uint64).view(np.float64)
    return merge(samples, Samples(offsets, markers[: offsets[-1]], stale))


@kernel
def mark_ends(
    offsets: Int64s, steps: Int64s, times: Int64s, out_offsets: Int64s, out: Int64s
) -> None:
    """The times of steps that follow the sample of a series without having one."""
    count = 0
    for i in range(len(offsets) - 1):
        for k in range(offsets[i], offsets[i + 1]):
            after = steps[k] + 1
            if after < len(times) and (k + 1 == offsets[i + 1] or steps[k + 1] != after):
                out[count] = times[after]
                count += 1
        out_offsets[i + 1] = count
