"""The statistics of a query as answers state them, in the form of Prometheus."""

from typing import Any

import numpy as np

from api.endpoints.handler import Slot
from api.endpoints.sample_counts import Counts, SampleCounter, nothing
from api.promql.engine import Measured
from api.promql.queryable import resolutions_of
from api.promql.syntax.durations import format_duration
from api.promql.vectors.value import Result
from storage.kernels.arrays import Int64s

RAW = "0s"


def statistics(turn: Slot, meter: Measured, result: Result, *, per_step: bool) -> dict[str, Any]:
    """Times in seconds, and counts of samples; with per_step those of each step, too."""
    found = {
        "timings": timings(turn, meter),
        "samples": samples(meter, result, per_step=per_step),
    }
    read = resolutions(meter)
    return found | {"resolutions": read} if read != [RAW] else found


def resolutions(meter: Measured) -> list[str]:
    """The resolutions of what was read, from fine to coarse; `0s` are samples as they came."""
    selections = (one for evaluator, _ in meter.runs for one in evaluator.selections)
    read = {each for one in selections for each in resolutions_of(one)}
    return [format_duration(each) for each in sorted(read or {0})]


def timings(turn: Slot, meter: Measured) -> dict[str, float]:
    """What the query took: waiting for its turn, then reading, evaluating and sorting."""
    return {
        "evalTotalTime": meter.total_s,
        "resultSortTime": meter.sort_s,
        "queryPreparationTime": meter.prepare_s,
        "innerEvalTime": meter.inner_s,
        "execQueueTime": turn.queued_seconds,
        "execTotalTime": turn.queued_seconds + meter.total_s,
    }


def samples(meter: Measured, result: Result, *, per_step: bool) -> dict[str, Any]:
    """What the query looked at. peakSamples: what it held at once, as query.max-samples counts."""
    counts = counts_of(meter, result)
    told: dict[str, Any] = {}
    if per_step:
        told["totalQueryableSamplesPerStep"] = by_step(result.steps, counts.total)
    told["totalQueryableSamples"] = int(counts.total.sum())
    if per_step:
        told["samplesReadPerStep"] = by_step(result.steps, counts.read)
    told |= {"samplesRead": int(counts.read.sum()), "peakSamples": meter.peak_samples}
    return told | {"cachedSteps": meter.known_steps} if meter.known_steps else told


def counts_of(meter: Measured, result: Result) -> Counts:
    """Of each step; of those that were known before nothing is looked at."""
    counts = nothing(result.steps)
    for evaluator, context in meter.runs:
        found = SampleCounter(evaluator, context).of_query(result.value)
        places = np.searchsorted(result.steps, context.steps)
        counts.total[places], counts.read[places] = found.total, found.read
    return counts


def by_step(steps: Int64s, counts: Int64s) -> list[tuple[float, int]]:
    """[seconds, count] of each step."""
    return [
        (step / 1000, count) for step, count in zip(steps.tolist(), counts.tolist(), strict=True)
    ]
