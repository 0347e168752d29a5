"""Warming up calls the kernels on the way of a sample; what it computes is of no interest."""

from __future__ import annotations

from storage.dedup import auto as dedup_auto
from storage.dedup import dedup, reach
from storage.head import kernels as head_kernels
from storage.head import late
from storage.histograms import fingerprints as histogram_fingerprint
from storage.histograms import hints as histogram_hints
from storage.histograms import histograms
from storage.labels.numbering import group_more_rows
from storage.labels.pairs import scatter_columns
from storage.labels.wire import read_labels
from storage.read.replicas import health as replica_health
from storage.samples import cuts, exemplar_kernels, merge
from storage.segments import contradictions
from storage.segments import runs as segment_kernels
from storage.series import kernels as series_kernels
from storage.series import replica_labels, symbol_labels, symbols
from storage.series.hash_cache import find_raw
from storage.shard import elections
from storage.warm_up import STEPS

KERNELS = (
    elections.elect,
    head_kernels.append_samples,
    late.append_late,
    late.enter,
    head_kernels.copy_chunks,
    head_kernels.count_chunks,
    head_kernels.newest_within,
    head_kernels.select_ooo,
    histogram_fingerprint.fingerprint_rows,
    histogram_hints.find_hints,
    histograms.gather_positions,
    find_raw,
    read_labels,
    series_kernels.find_or_add_labelsets,
    symbol_labels.check_texts,
    symbol_labels.read_references,
    series_kernels.enter_labelsets,
    symbols.intern_spans,
    symbols.copy_texts,
    group_more_rows,
    scatter_columns,
    merge.merge_sorted,
    merge.count_between,
    cuts.cut_samples,
    cuts.hit_points,
    cuts.judge_ranges,
    exemplar_kernels.join_runs,
    dedup.count_chosen,
    dedup.copy_parts,
    dedup.gather,
    dedup_auto.choose_auto,
    reach.find_unsettled,
    replica_health.count_holes,
    replica_labels.find_values,
    segment_kernels.find_runs,
    segment_kernels.merge_runs,
    contradictions.find_losers,
)


def test_kernels_are_compiled_afterwards() -> None:
    for step in STEPS:
        step()
    for kernel in KERNELS:
        assert kernel.overloads or kernel.inners, f"{kernel} was not called"  # type: ignore[attr-defined]
