"""What there is to say of functions whose samples were downsampled, and should not have been.

The plan asks for no resolution that a function cannot be answered from. Where there is nothing as
fine as that, because what was finer is past its retention, the answer is the best that is left.
"""

from api.promql.annotations import Place
from api.promql.context import Context
from api.promql.queryable import Selection, resolutions_of
from api.promql.resolutions import RANGE_WINDOWS
from api.promql.syntax.durations import format_duration
from api.promql.syntax.nodes import Call, Node
from api.promql.syntax.signatures import FUNCTIONS, HistogramUse
from storage.samples.hint import Purpose
from storage.samples.samples import Samples


def warn_of_range(
    context: Context, call: Call, selection: Selection, range_ms: int, *, extended: bool
) -> None:
    """Warn if a call over a range reads what it should not. extended: if the range is anchored or
    smoothed."""
    resolution_ms = resolutions_of(selection)[-1]
    if not resolution_ms:
        return
    there, place = coarse_text(resolution_ms), Place(call, call.args[0])
    if extended or FUNCTIONS[call.func].purpose is Purpose.ALL:
        context.warn(f"{call.func}() needs all samples, {there}", place)
    elif range_ms < RANGE_WINDOWS * resolution_ms:
        needed = format_duration(RANGE_WINDOWS * resolution_ms)
        context.warn(f"{call.func}() over less than {needed} is estimated, {there}", place)


def warn_of_matrix(context: Context, node: Node, selection: Selection) -> None:
    """Warn if the samples of a range, which are the answer, are not all there."""
    resolution_ms = resolutions_of(selection)[-1]
    if resolution_ms:
        context.warn(f"these are not all samples, {coarse_text(resolution_ms)}", Place(node))


def coarse_text(resolution_ms: int) -> str:
    return (
        f"but of some times only what was downsampled to {format_duration(resolution_ms)} is left"
    )


def warn_of_histograms(context: Context, call: Call, samples: Samples) -> None:
    """Warn if a sum or mean is made of downsampled native histograms, of which no sum is kept."""
    if samples.weights is None or samples.natives is None:
        return
    facts = FUNCTIONS[call.func]
    if facts.purpose is Purpose.TOTALS and facts.histograms is HistogramUse.TAKEN:
        text = f"{call.func}() of native histograms needs all samples, but some are downsampled"
        context.warn(text, Place(call, call.args[0]))
