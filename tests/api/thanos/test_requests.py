"""Requests from their bytes: what is read, what is passed over, and what is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.errors import BadData
from api.thanos.requests import PARTS_MAX, Fields, LabelsRequest, SeriesRequest, Shard
from api.times import MAX_TIME_MS, MIN_TIME_MS
from storage.labels.matchers import Matcher
from tests.makers.bodies.rich import integer
from tests.makers.thanos.client import EVER, matcher, names_request, series_request
from tests.twins.wire.v1 import message

A = ("a", "=", "b")


def test_all_fields_of_series() -> None:
    asked = series_request(
        [A, ("c", "!~", "d|e")],
        (-5, 7),
        resolution_ms=300_000,
        aggregates=[1, 2],
        strict=True,
        skip_chunks=True,
        hints=True,
        shard=(1, 3, True, ["x", "y"]),
        without=["r", "s"],
        limit=9,
        batch=64,
    )
    assert SeriesRequest.decode(asked) == SeriesRequest(
        -5,
        7,
        (Matcher("a", "=", "b"), Matcher("c", "!~", "d|e")),
        300_000,
        frozenset({1, 2}),
        is_strict=True,
        skip_chunks=True,
        wants_hints=True,
        shard=Shard(1, 3, True, frozenset({"x", "y"})),
        without=frozenset({"r", "s"}),
        limit=9,
        batch=64,
    )


def test_what_is_left_out() -> None:
    found = SeriesRequest.decode(message(3, matcher(*A)))
    assert found == SeriesRequest(0, 0, (Matcher("a", "=", "b"),))


def test_times_are_as_far_out_as_times_may_be() -> None:
    found = SeriesRequest.decode(series_request([A], EVER))
    assert (found.start_ms, found.end_ms) == (MIN_TIME_MS, MAX_TIME_MS)


@pytest.mark.parametrize("total", [0, (1 << 64) - 1])
def test_no_shard_is_all_series(total: int) -> None:
    content = message(3, matcher(*A)) + message(13, integer(2, total))
    assert SeriesRequest.decode(content).shard is None


def test_deprecated_strictness_and_aggregates_that_are_not_packed() -> None:
    found = SeriesRequest.decode(message(3, matcher(*A)) + integer(6, 1) + integer(5, 5))
    assert found.is_strict and found.aggregates == {5}


@pytest.mark.parametrize("label", [None, "l"])
def test_labels(label: str | None) -> None:
    asked = names_request([A], (3, 4), without=["r"], limit=2, label=label)
    decode = LabelsRequest.decode_names if label is None else LabelsRequest.decode_values
    assert decode(asked) == LabelsRequest(
        3, 4, (Matcher("a", "=", "b"),), False, frozenset({"r"}), 2, label or ""
    )


@pytest.mark.parametrize(
    "content, text",
    [
        (b"", "no matchers specified"),
        (b"\xff", "damaged"),
        (message(3, matcher("a", "=~", "(")), "missing closing"),
        (message(3, integer(1, 9) + message(2, b"a")), "invalid matcher type: got 9"),
        (message(3, b""), "without a label name"),
        (message(3, matcher(*A))[:-1], "longer than its message"),
        (message(14, b"x") * (PARTS_MAX + 1), f"more than {PARTS_MAX}"),
    ],
)
def test_what_cannot_be_understood(content: bytes, text: str) -> None:
    with pytest.raises(BadData, match=text):
        SeriesRequest.decode(content)


def test_values_of_no_label() -> None:
    with pytest.raises(BadData, match="label name parameter cannot be empty"):
        LabelsRequest.decode_values(names_request(label=""))


@given(st.binary(max_size=100))
def test_any_bytes_are_understood_or_refused(content: bytes) -> None:
    for decode in (Fields, SeriesRequest.decode, LabelsRequest.decode_values):
        try:
            decode(content)
        except BadData as error:
            assert str(error)
