"""Which resolution of downsampled data a selector may be answered from.

A request allows a coarsest resolution; what stands above a selector allows less. A range has to
span RANGE_WINDOWS windows, so that those its edges cut are few of them. The steps of an instant
selector have to be as far apart as windows, so that no two of them see the same one.
"""

from storage.downsampling.aggregates import RESOLUTIONS_MS

# Up to two windows are cut by the edges of a range, and what is in their parts is estimated.
RANGE_WINDOWS = 4


def resolution_of(allowed_ms: int, range_ms: int, step_ms: int) -> int:
    """The coarsest resolution for a selector, in ms; 0: samples as they came.

    allowed_ms: by the request; range_ms: 0 for an instant selector; step_ms: of the query or of the
    subquery around the selector, 0 for a single time.
    """
    span_ms = range_ms // RANGE_WINDOWS if range_ms else step_ms
    most_ms = min(allowed_ms, span_ms)
    return max((each for each in RESOLUTIONS_MS if each <= most_ms), default=0)
