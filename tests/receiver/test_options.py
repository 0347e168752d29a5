"""The receiver's settings fit what they bound."""

from receiver.options import REQUEST_SAMPLES_CEILING, WriteOptions
from storage.head import GROUP_SAMPLES_MAX


def test_what_one_request_may_hold_fits_a_head() -> None:
    assert WriteOptions().request_samples_max <= REQUEST_SAMPLES_CEILING <= GROUP_SAMPLES_MAX
