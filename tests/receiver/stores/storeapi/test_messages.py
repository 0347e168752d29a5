"""What stores say of themselves, and requests for series."""

from __future__ import annotations

import pytest

from receiver.stores.errors import LyingStore
from receiver.stores.storeapi.messages import EVER, Info, parse_info, series_request
from receiver.wire.messages import message_field, number_field
from storage.labels.matchers import Matcher
from tests.makers.sources.fake_store import Request, info_message


def test_info_is_read() -> None:
    sets = [{"cluster": "eu", "replica": "a"}, {}, {"cluster": "us"}]
    more = message_field(7, number_field(1, 5)) + message_field(99, b"later") + number_field(98, 1)
    found = parse_info(info_message("receive", sets, (-5, 10)) + more)
    assert found == Info("receive", (sets[0], sets[2]), (-5, 10), exemplars=True)
    assert parse_info(b"") == Info("", (), None, False)
    assert Info().span == EVER


@pytest.mark.parametrize("message", [b"\x0a\xff", b"\x12\x01\xff", b"\xff" * 20])
def test_damaged_info_is_refused(message: bytes) -> None:
    with pytest.raises(LyingStore, match="its Info is damaged"):
        parse_info(message)


def test_requests_for_series() -> None:
    matchers = [Matcher("a", op, "x") for op in ("=", "!=", "=~", "!~")]
    text = series_request(
        matchers, (-1, 1), is_whole=True, skip_chunks=True, resolution_ms=300_000, aggregates=(1, 2)
    )
    asked = Request.of(text, {})
    assert asked.matchers == [(kind, "a", "x") for kind in range(4)]
    assert asked.numbers == {1: -1, 2: 1, 4: 300_000, 7: 1, 8: 1, 16: 64}
    assert message_field(5, b"\x01\x02") in text
