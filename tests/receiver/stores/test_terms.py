"""What one query asks other stores with: matchers and labels of tenants, and what is missing."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from prometheus_client import CollectorRegistry

from receiver.stores.limits import AnswerLimits
from receiver.stores.metrics import StoreMetrics
from receiver.stores.terms import Asked, Terms
from receiver.stores.waiting import ABANDONED, Calls
from storage.errors import SourceFailed
from storage.labels.frames import LabelFrame, Symbols
from storage.labels.matchers import Matcher
from tests.receiver.stores.test_waiting import Endless

UP = Matcher("__name__", "=", "up")


def test_a_tenant_may_be_a_label() -> None:
    labels = LabelFrame.from_dicts(Symbols(), [{"a": "b", "tenant_id": "edge"}])
    plain, named = Terms("edge"), Terms("edge", tenant_label="tenant_id")
    assert plain.matchers([UP]) == (UP,)
    assert named.matchers([UP]) == (UP, Matcher("tenant_id", "=", "edge"))
    assert plain.shown(labels) is labels
    assert named.shown(labels).labelset(0) == {"a": "b"}


@pytest.mark.parametrize("is_whole", [False, True])
def test_what_is_missing_is_said_or_ends_the_query(is_whole: bool) -> None:
    """And with it the calls of the query that are under way."""
    limits = AnswerLimits(1, 1, 1, 1)
    other = Endless()
    with ThreadPoolExecutor(1) as threads:
        calls = Calls(threads)
        asked = Asked(Terms("t", is_whole=is_whole), limits, calls, metrics())
        calls.begin(other, other.read)
        if is_whole:
            with pytest.raises(SourceFailed, match=r"store x: it is slow \(partial_response=false"):
                asked.missing("store x", "it is slow")
            assert other.why == [ABANDONED]
        else:
            assert asked.missing("store x", "it is slow") == "store x: it is slow"
            assert other.why == []
            other.end("the end of the test")


def metrics() -> StoreMetrics:
    return StoreMetrics(CollectorRegistry())
