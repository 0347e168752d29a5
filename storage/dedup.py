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

from storage.batch import UInt64s
from storage.dedup_algorithm import Algorithm, parse_algorithm, reach_ms
from storage.dedup_auto import choose_auto
from storage.dedup_chain import choose_chain
from storage.dedup_markers import STALE, weave_markers
from storage.dedup_penalty import choose_penalty
from storage.kernel import kernel
from storage.samples import Bools, Float64s, Int32s, Int64s, Samples

__all__ = ["Algorithm", "Deduped", "dedup", "parse_algorithm", "reach_ms"]


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
) -> Deduped:
    """One series per group; group g has the series members[g]:members[g+1] of `samples`.

    counter: the samples go straight into rate, increase, irate or resets; only `penalty` cares.
    gauges: groups that are known to be gauges, for which `auto` may let the value fall at will.
    """
    choice = choose(samples, members, algorithm, counter, gauges)
    sources = sources_of(choice, samples.offsets, members) if provenance else None
    timestamps = np.empty(len(choice.chosen), np.int64)
    bits = np.empty(len(choice.chosen), np.uint64)
    gather(choice.chosen, samples.timestamps, samples.values.view(np.uint64), timestamps, bits)
    values = bits.view(np.float64) if choice.values is None else choice.values
    return Deduped(Samples(choice.offsets, timestamps, values), sources)


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
    guarded = np.ones(len(members) - 1, np.bool_) if gauges is None else ~gauges
    offsets, chosen = room_for(samples, members)
    if not (bits == STALE).any():
        choose_auto(
            members, samples.offsets, samples.timestamps, samples.values, guarded, offsets, chosen
        )
        return Choice(offsets, chosen[: offsets[-1]])
    live = np.flatnonzero(bits != STALE)
    choose_auto(
        members, np.searchsorted(live, samples.offsets).astype(np.int64),
        samples.timestamps[live], samples.values[live], guarded, offsets, chosen,
    )  # fmt: skip
    all_offsets, all_chosen = room_for(samples, members)
    weave_markers(
        members, samples.offsets, samples.timestamps, bits,
        offsets, live[chosen[: offsets[-1]]], all_offsets, all_chosen,
    )  # fmt: skip
    return Choice(all_offsets, all_chosen[: all_offsets[-1]])


def penalty(samples: Samples, members: Int64s, counter: bool) -> Choice:
    """What Thanos gives for samples that start and end like these."""
    offsets, chosen = room_for(samples, members)
    values = np.empty(len(chosen), np.float64)
    bits = samples.values.view(np.uint64)
    choose_penalty(
        members, samples.offsets, samples.timestamps, samples.values, bits,
        counter, offsets, chosen, values,
    )  # fmt: skip
    size = offsets[-1]
    return Choice(offsets, chosen[:size], values[:size] if counter else None)


def room_for(samples: Samples, members: Int64s) -> tuple[Int64s, Int64s]:
    """Columns for a choice among samples: offsets of groups, and positions."""
    return np.zeros(len(members), np.int64), np.empty(len(samples), np.int64)


def sources_of(choice: Choice, offsets: Int64s, members: Int64s) -> Int32s:
    """The member, counted within its group, that each chosen position belongs to."""
    series = np.searchsorted(offsets, choice.chosen, side="right") - 1
    firsts = np.repeat(members[:-1], np.diff(choice.offsets))
    return (series - firsts).astype(np.int32)


@kernel
def gather(
    chosen: Int64s, times: Int64s, bits: UInt64s, out_times: Int64s, out_bits: UInt64s
) -> None:
    """Copy the samples at the chosen positions."""
    for k in range(len(chosen)):
        out_times[k] = times[chosen[k]]
        out_bits[k] = bits[chosen[k]]
