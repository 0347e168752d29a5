"""Which resolutions a request, a range and a step allow."""

import pytest

from api.promql.resolutions import resolution_of

M5, H1, DAY = 300_000, 3_600_000, 86_400_000


@pytest.mark.parametrize(
    ("allowed_ms", "range_ms", "step_ms", "expected"),
    [
        (0, DAY, DAY, 0),
        (M5 - 1, DAY, DAY, 0),
        (M5, DAY, DAY, M5),
        (H1, DAY, 0, H1),
        (10 * H1, DAY, 0, H1),
        (H1, 4 * H1 - 1, DAY, M5),
        (H1, 4 * M5 - 1, DAY, 0),
        (H1, 4 * M5, 0, M5),
        (H1, 0, 0, 0),  # one instant: the newest sample is wanted
        (H1, 0, M5 - 1, 0),
        (H1, 0, M5, M5),
        (H1, 0, H1, H1),
    ],
)
def test_a_resolution_is_allowed_by_request_and_range_or_step(
    allowed_ms: int, range_ms: int, step_ms: int, expected: int
) -> None:
    assert resolution_of(allowed_ms, range_ms, step_ms) == expected
