"""The receiver's settings fit what they bound."""

from receiver.settings.options import BODY_BYTES_CEILING, REQUEST_SAMPLES_CEILING, WriteOptions
from storage.head.head import GROUP_SAMPLES_MAX
from storage.log.record import PAYLOAD_BYTES_MAX
from storage.log.wal import PENDING_BYTES_MAX
from storage.shard.writer import GROUP_BYTES_MAX


def test_what_one_request_may_hold_fits_a_head() -> None:
    assert WriteOptions().request_samples_max <= REQUEST_SAMPLES_CEILING <= GROUP_SAMPLES_MAX


def test_a_body_fits_a_record_and_a_group_fits_the_log() -> None:
    left_out_bytes_max = 4 * REQUEST_SAMPLES_CEILING + 5
    assert BODY_BYTES_CEILING + left_out_bytes_max <= PAYLOAD_BYTES_MAX
    assert GROUP_BYTES_MAX + PAYLOAD_BYTES_MAX <= PENDING_BYTES_MAX
