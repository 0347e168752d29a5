"""The bound on what is in flight."""

import pytest

from receiver.errors import RETRY_AFTER_MAX_S, RETRY_AFTER_MIN_S, Busy, retry_after_s
from receiver.settings.options import WriteOptions
from receiver.write.admission import Admission


def make(bytes_max: int = 100, requests_max: int = 10) -> Admission:
    return Admission(WriteOptions(inflight_bytes_max=bytes_max, inflight_requests_max=requests_max))


def test_requests_are_bounded_and_given_back() -> None:
    admission = make(requests_max=2)
    with admission.ticket(), admission.ticket():
        with pytest.raises(Busy, match=r"2 write requests .* 2 \(write.max-inflight-requests\)"):
            admission.ticket()
        assert admission.held_requests == 2
    assert admission.held_requests == 0


def test_bytes_are_bounded_and_given_back() -> None:
    admission = make(bytes_max=100)
    with admission.ticket() as one, admission.ticket() as two:
        one.add(60)
        two.add(40)
        with pytest.raises(
            Busy, match=r"100 bytes and one needs 1 .* \(write.max-inflight-bytes\)"
        ):
            two.add(1)
        assert admission.held_bytes == 100
    assert admission.held_bytes == 0


def test_a_body_larger_than_the_limit_passes_alone() -> None:
    admission = make(bytes_max=100)
    with admission.ticket() as one:
        one.add(80)
        one.add(300)
        with admission.ticket() as two, pytest.raises(Busy):
            two.add(1)
    assert admission.held_bytes == 0


def test_bytes_are_given_back_when_the_request_fails() -> None:
    admission = make()
    with pytest.raises(RuntimeError), admission.ticket() as ticket:
        ticket.add(5)
        raise RuntimeError
    assert (admission.held_bytes, admission.held_requests) == (0, 0)


def test_the_time_to_wait_varies_within_its_bounds() -> None:
    times = {retry_after_s() for _ in range(500)}
    assert times == set(range(RETRY_AFTER_MIN_S, RETRY_AFTER_MAX_S + 1))
