"""Replica dedup at read: one series out of the samples of several replicas.

The members of a group are ordered; the first is preferred. An algorithm chooses positions of the
samples that it is given; only `penalty`, asked for a counter, changes values. How each of them
chooses, and why, is in docs/dedup.md.

Invariants of the output of a group:
* Every sample was sent by some replica, and timestamps strictly increase.
* `auto`, within a range: the same for every read that reaches reach_ms further on both sides.
"""

from dataclasses import dataclass

import numpy as np

from storage.dedup.algorithm import Algorithm
from storage.dedup.auto import choose_auto
from storage.dedup.chain import choose_chain
from storage.dedup.markers import STALE, weave_markers
from storage.dedup.penalty import choose_penalty, split_overlaps, totals
from storage.histograms.columns import HINT_GAUGE
from storage.kernels.arrays import Bools, Float64s, Int32s, Int64s, UInt64s
from storage.kernels.jit import kernel
from storage.kernels.stale import is_stale
from storage.samples.samples import Samples

NO_KINDS: Bools = np.zeros(0, np.bool_)


@dataclass(frozen=True, slots=True)
class Deduped:
    """One series per group. sources: for each sample, which member of its group sent it; None if
    it was not asked for."""

    samples: Samples
    sources: Int32s | None = None


@dataclass(frozen=True, slots=True)
class Choice:
    """Positions of samples, chosen[offsets[g]:offsets[g+1]] those of group g. values: None if they
    are those of the samples."""

    offsets: Int64s
    chosen: Int64s
    values: Float64s | None = None


def dedup(
    samples: Samples,
    members: Int64s,
    algorithm: Algorithm = Algorithm.AUTO,
    *,
    counter: bool = False,
    gauges: Bools | None = None,
    provenance: bool = False,
    span: tuple[int, int] | None = None,
) -> Deduped:
    """One series per group; group g has the series members[g]:members[g+1] of `samples`.

    counter: the samples go straight into rate, increase, irate or resets; only `penalty` cares.
    gauges: groups that are known to be gauges, for which `auto` may let the value fall at will.
    span: only what is chosen within, both ends inclusive, is given.
    """
    choice = choose(samples, members, algorithm, counter, gauges)
    offsets, chosen, values = choice.offsets, choice.chosen, choice.values
    if span is not None:
        firsts, offsets = clipped(choice, samples.timestamps, span)
        kept = np.empty(offsets[-1], np.int64)
        copy_parts(firsts, offsets, chosen, kept)
        if values is not None:
            raised = np.empty(offsets[-1], np.int64)
            copy_parts(firsts, offsets, values.view(np.int64), raised)
            values = raised.view(np.float64)
        chosen = kept
    sources = sources_of(offsets, chosen, samples.offsets, members) if provenance else None
    return Deduped(taken(samples, offsets, chosen, values), sources)


def taken(samples: Samples, offsets: Int64s, chosen: Int64s, values: Float64s | None) -> Samples:
    """The chosen samples; values: in place of theirs, but not of a histogram's sum."""
    timestamps = np.empty(len(chosen), np.int64)
    bits = np.empty(len(chosen), np.uint64)
    gather(offsets, chosen, samples.timestamps, samples.values.view(np.uint64), timestamps, bits)
    found = bits.view(np.float64)
    starts = None if samples.starts is None else samples.starts[chosen]
    natives = None if samples.natives is None else samples.natives.at(chosen)
    if values is not None:
        found = values if natives is None else np.where(natives.mask, found, values)
    weights = None if samples.weights is None else samples.weights.at(chosen)
    return Samples(offsets, timestamps, found, starts, natives, weights)


def choose(
    samples: Samples, members: Int64s, algorithm: Algorithm, counter: bool, gauges: Bools | None
) -> Choice:
    match algorithm:
        case Algorithm.AUTO:
            return auto(samples, members, gauges)
        case Algorithm.PENALTY:
            return penalty(samples, members, counter)
        case Algorithm.CHAIN:
            offsets, chosen = room_for(samples, members)
            choose_chain(members, samples.offsets, samples.timestamps, offsets, chosen)
            return Choice(offsets, chosen[: offsets[-1]])


def auto(samples: Samples, members: Int64s, gauges: Bools | None) -> Choice:
    """A complete replica, its holes filled by the others, without falls that no replica saw."""
    bits = samples.values.view(np.uint64)
    levels, kinds = levels_of(samples), kinds_of(samples)
    guarded = np.ones(len(members) - 1, np.bool_) if gauges is None else ~gauges
    offsets, chosen = room_for(samples, members)
    if not holds_stale(bits):
        choose_auto(
            members, samples.offsets, samples.timestamps, levels, kinds, guarded, offsets, chosen
        )
        return Choice(offsets, chosen[: offsets[-1]])
    live = np.flatnonzero(bits != STALE)
    choose_auto(
        members, np.searchsorted(live, samples.offsets).astype(np.int64),
        samples.timestamps[live], levels[live], kinds[live] if len(kinds) else kinds,
        guarded, offsets, chosen,
    )  # fmt: skip
    all_offsets, all_chosen = room_for(samples, members)
    weave_markers(
        members, samples.offsets, samples.timestamps, bits,
        offsets, live[chosen[: offsets[-1]]], all_offsets, all_chosen,
    )  # fmt: skip
    return Choice(all_offsets, all_chosen[: all_offsets[-1]])


def levels_of(samples: Samples) -> Float64s:
    """What falls if a counter is reset: values, and of a histogram how many observations it has.

    No bucket of a counter can fall without a reset, so between replicas the count says enough. A
    gauge histogram has no level (NaN, which is never seen to fall).
    """
    natives = samples.natives
    if natives is None:
        return samples.values
    histograms = natives.histograms
    counts = np.where(histograms.hints == HINT_GAUGE, np.nan, histograms.counts)
    levels = samples.values.copy()
    of_histograms = natives.mask
    levels[of_histograms] = counts[natives.rows[of_histograms]]
    return levels


def kinds_of(samples: Samples) -> Bools:
    """Which samples are histograms; empty where all are of one kind, markers aside."""
    if samples.natives is None:
        return NO_KINDS
    histograms = samples.natives.mask
    floats = ~histograms & ~is_stale(samples.values)
    return histograms if histograms.any() and floats.any() else NO_KINDS


def penalty(samples: Samples, members: Int64s, counter: bool) -> Choice:
    """What Thanos gives for samples that start and end like these; histograms are never raised."""
    offsets, chosen = room_for(samples, members)
    bits = samples.values.view(np.uint64)
    floats = samples.values
    if samples.natives is not None:
        floats = np.where(samples.natives.mask, np.nan, floats)
    # Readers of counters do not see what is no number.
    is_passed_over = np.isnan(floats) if counter else np.zeros(len(floats), np.bool_)
    if samples.natives is not None:
        is_passed_over &= ~samples.natives.mask
    own_members, own_offsets = np.zeros(len(members), np.int64), np.zeros_like(samples.offsets)
    places = np.empty(len(samples), np.int64)
    split_overlaps(
        members, samples.offsets, samples.timestamps, bits, is_passed_over,
        own_members, own_offsets, places,
    )  # fmt: skip
    own_offsets = own_offsets[: own_members[-1] + 1]
    places = places[: own_offsets[-1]]
    levels = floats[places]
    if counter:
        totals(own_offsets, floats[places], levels)
    values = np.empty(len(places), np.float64)
    choose_penalty(
        own_members, own_offsets, samples.timestamps[places], levels, bits[places],
        counter, offsets, chosen, values,
    )  # fmt: skip
    size = offsets[-1]
    return Choice(offsets, places[chosen[:size]], values[:size] if counter else None)


def room_for(samples: Samples, members: Int64s) -> tuple[Int64s, Int64s]:
    """Columns for a choice among samples: offsets of groups, and positions."""
    return np.zeros(len(members), np.int64), np.empty(len(samples), np.int64)


def sources_of(offsets: Int64s, chosen: Int64s, series_offsets: Int64s, members: Int64s) -> Int32s:
    """The member, counted within its group, that each chosen position belongs to."""
    series = np.searchsorted(series_offsets, chosen, side="right") - 1
    firsts = np.repeat(members[:-1], np.diff(offsets))
    return (series - firsts).astype(np.int32)


def clipped(choice: Choice, times: Int64s, span: tuple[int, int]) -> tuple[Int64s, Int64s]:
    """Of each group, where its choice within the span begins; and the offsets of that part."""
    firsts = np.empty(len(choice.offsets) - 1, np.int64)
    offsets = np.zeros_like(choice.offsets)
    count_chosen(choice.offsets, choice.chosen, times, *span, firsts, offsets[1:])
    np.cumsum(offsets, out=offsets)
    return firsts, offsets


@kernel
def count_chosen(
    offsets: Int64s,
    chosen: Int64s,
    times: Int64s,
    start_ms: int,
    end_ms: int,
    firsts: Int64s,
    counts: Int64s,
) -> None:
    """Of each group, the first choice in [start_ms, end_ms] and how many there are."""
    for g in range(len(offsets) - 1):
        first, end = offsets[g], offsets[g + 1]
        while first < end and times[chosen[first]] < start_ms:
            first += 1
        while first < end and times[chosen[end - 1]] > end_ms:
            end -= 1
        firsts[g] = first
        counts[g] = end - first


@kernel
def copy_parts(firsts: Int64s, offsets: Int64s, column: Int64s, out: Int64s) -> None:
    """Copy what stands from firsts[g] on to the places that offsets gives group g."""
    for g in range(len(firsts)):
        part = column[firsts[g] :]
        room = out[offsets[g] : offsets[g + 1]]
        for k in range(len(room)):
            room[k] = part[k]


@kernel
def gather(
    offsets: Int64s,
    chosen: Int64s,
    times: Int64s,
    bits: UInt64s,
    out_times: Int64s,
    out_bits: UInt64s,
) -> None:
    """Copy the samples at the chosen positions, group by group."""
    for g in range(len(offsets) - 1):
        start, end = offsets[g], offsets[g + 1]
        own = chosen[start:end]
        breaks = 0
        for k in range(1, len(own)):
            breaks += own[k] != own[0] + k
        if len(own) and breaks == 0:  # a run of one replica, which is copied faster
            out_times[start:end] = times[own[0] : own[0] + len(own)]
            out_bits[start:end] = bits[own[0] : own[0] + len(own)]
            continue
        for k in range(start, end):
            out_times[k] = times[chosen[k]]
            out_bits[k] = bits[chosen[k]]


@kernel
def holds_stale(bits: UInt64s) -> bool:
    """Whether there is a stale marker."""
    found = 0
    for k in range(len(bits)):
        found += bits[k] == STALE
    return found > 0
