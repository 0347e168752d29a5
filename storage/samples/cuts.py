"""Stretches of time that are taken out of series: what deletions hide, and rewriting removes.

A cut is a closed stretch [start_ms, end_ms] of one row, and belongs to an owner, such as a
deletion. Cuts of a row may overlap; what several cover counts for the one that comes first.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from storage.kernels.arrays import Bools, Int8s, Int64s
from storage.kernels.jit import kernel, kernel_part
from storage.samples.merge import is_plain, pick
from storage.samples.samples import Samples

# What is known of a series by the times of its first and last sample.
GONE, STAYS, UNCERTAIN = 0, 1, 2


@dataclass(frozen=True, slots=True)
class Cuts:
    """The cuts of n rows: row i has offsets[i]:offsets[i+1] of starts, ends and owners."""

    offsets: Int64s
    starts: Int64s
    ends: Int64s
    owners: Int64s

    @classmethod
    def of(cls, spans: Sequence[tuple[int, int]], rows: Sequence[Bools]) -> "Cuts":
        """Cut spans[k] out of the rows that rows[k] names; k is the owner."""
        hit = [np.flatnonzero(chosen) for chosen in rows]
        owners = np.repeat(np.arange(len(spans)), [len(found) for found in hit])
        all_rows = np.concatenate([np.zeros(0, np.int64), *hit])
        order = np.argsort(all_rows, kind="stable")  # of a row, the first owner comes first
        owners = owners[order].astype(np.int64)
        bounds = np.array(spans, np.int64).reshape(-1, 2)[owners]
        count = len(rows[0]) if len(rows) else 0
        offsets = np.searchsorted(all_rows[order], np.arange(count + 1)).astype(np.int64)
        return cls(offsets, bounds[:, 0].copy(), bounds[:, 1].copy(), owners)

    @property
    def rows(self) -> Bools:
        """Whether anything is cut out of each row."""
        touched: Bools = np.diff(self.offsets) > 0
        return touched

    def take(self, rows: Int64s) -> "Cuts":
        """The cuts of these rows, in their order."""
        offsets = np.zeros(len(rows) + 1, np.int64)
        np.cumsum(np.diff(self.offsets)[rows], out=offsets[1:])
        places = np.arange(offsets[-1]) + np.repeat(
            self.offsets[rows] - offsets[:-1], np.diff(offsets)
        )
        return Cuts(offsets, self.starts[places], self.ends[places], self.owners[places])

    def hit(self, rows: Int64s, timestamps: Int64s) -> Bools:
        """Whether each of these (row, time) is cut out."""
        found = np.zeros(len(rows), np.bool_)
        hit_points(self.offsets, self.starts, self.ends, rows, timestamps, found)
        return found

    def judge(
        self, rows: Int64s, firsts: Int64s, lasts: Int64s, start_ms: int, end_ms: int
    ) -> Int8s:
        """What [start_ms, end_ms] shows of series with samples at firsts[i], at lasts[i] and maybe
        between: GONE, STAYS, or UNCERTAIN where only samples between the two could say it."""
        verdicts = np.empty(len(rows), np.int8)
        judge_ranges(
            self.offsets, self.starts, self.ends, rows, firsts, lasts, start_ms, end_ms, verdicts
        )
        return verdicts


def without(samples: Samples, cuts: Cuts, removed: Int64s | None = None) -> Samples:
    """The samples that no cut covers; the same object if those are all. Row i of the samples is
    row i of the cuts. removed: by owner, goes up by the samples that are taken out."""
    if not len(cuts.starts):
        return samples
    offsets = np.zeros_like(samples.offsets)
    places = np.empty(len(samples), np.int64)
    counts = np.zeros(int(cuts.owners.max()) + 1, np.int64)
    cut_samples(
        samples.offsets, samples.timestamps, cuts.offsets, cuts.starts, cuts.ends, cuts.owners,
        offsets, places, counts,
    )  # fmt: skip
    if removed is not None:
        removed[: len(counts)] += counts
    if offsets[-1] == len(samples):
        return samples
    places = places[: offsets[-1]]
    if not is_plain(samples):
        return pick(samples, offsets, places)
    return Samples(offsets, samples.timestamps[places], samples.values[places])


@kernel
def cut_samples(
    offsets: Int64s,
    timestamps: Int64s,
    cut_offsets: Int64s,
    starts: Int64s,
    ends: Int64s,
    owners: Int64s,
    out_offsets: Int64s,
    places: Int64s,
    counts: Int64s,
) -> None:
    """places: where the samples are that stay, row after row as out_offsets says; counts[o]: how
    many the cuts of owner o take out."""
    out = 0
    for i in range(len(offsets) - 1):
        first, behind = cut_offsets[i], cut_offsets[i + 1]
        for k in range(offsets[i], offsets[i + 1]):
            t = timestamps[k]
            cut = first
            while cut < behind and not starts[cut] <= t <= ends[cut]:
                cut += 1
            if cut < behind:
                counts[owners[cut]] += 1
            else:
                places[out] = k
                out += 1
        out_offsets[i + 1] = out


@kernel
def hit_points(
    cut_offsets: Int64s,
    starts: Int64s,
    ends: Int64s,
    rows: Int64s,
    timestamps: Int64s,
    found: Bools,
) -> None:
    """found[k] = whether a cut of rows[k] covers timestamps[k]."""
    for k in range(len(rows)):
        for cut in range(cut_offsets[rows[k]], cut_offsets[rows[k] + 1]):
            if starts[cut] <= timestamps[k] <= ends[cut]:
                found[k] = True


@kernel
def judge_ranges(
    cut_offsets: Int64s,
    starts: Int64s,
    ends: Int64s,
    rows: Int64s,
    firsts: Int64s,
    lasts: Int64s,
    start_ms: int,
    end_ms: int,
    verdicts: Int8s,
) -> None:
    """As Cuts.judge()."""
    for k in range(len(rows)):
        first, behind = cut_offsets[rows[k]], cut_offsets[rows[k] + 1]
        verdict = GONE
        for t in (firsts[k], lasts[k]):
            covered = not start_ms <= t <= end_ms
            for cut in range(first, behind):
                covered = covered or starts[cut] <= t <= ends[cut]
            if not covered:
                verdict = STAYS
        low, high = max(firsts[k], start_ms), min(lasts[k], end_ms)
        if verdict == GONE and low <= high and not covers(starts, ends, first, behind, low, high):
            verdict = UNCERTAIN
        verdicts[k] = verdict


@kernel_part
def covers(starts: Int64s, ends: Int64s, first: int, behind: int, low: int, high: int) -> bool:
    """Whether cuts [first, behind) together cover every moment from low to high."""
    moved = True
    while moved:
        moved = False
        for cut in range(first, behind):
            if starts[cut] <= low <= ends[cut]:
                if ends[cut] >= high:
                    return True
                low = ends[cut] + 1
                moved = True
    return False
