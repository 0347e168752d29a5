"""The text of an answer is taken for the value that it was made of, and for no other."""

from __future__ import annotations

import re
import time
from pathlib import Path

import numpy as np
import pytest
from prometheus_client import CollectorRegistry

from api.frontend import texts as module
from api.frontend.options import CacheOptions
from api.frontend.texts import Texts
from api.promql.vectors.value import Vector
from storage.labels.frames import LabelFrame, Symbols
from tests.makers.real_api import RealApi, run_real_api

MINUTE_MS = 60_000


def value_of(number: float) -> Vector:
    labels = LabelFrame.from_dicts(Symbols(), [{"a": "b"}])
    return Vector(labels, np.full((1, 2), number), np.ones((1, 2), np.bool_))


class Made:
    """Gives the texts it is told to, and counts how often it is asked."""

    def __init__(self, texts: Texts) -> None:
        self.texts = texts
        self.count = 0

    def ask(self, value: Vector, text: str, key: tuple[str, str] = ("t", "q")) -> str:
        def make() -> list[bytes]:
            self.count += 1
            return [part.encode() for part in text]

        return b"".join(self.texts.answer(key, value, lambda: iter(make()))).decode()


def texts(**options: int) -> Made:
    return Made(Texts(CacheOptions(**options), CollectorRegistry()))


def test_a_text_is_made_once_for_a_value() -> None:
    made, value = texts(), value_of(1)
    assert [made.ask(value, "one"), made.ask(value, "two")] == ["one", "one"]
    assert made.count == 1


def test_another_value_has_another_text() -> None:
    """Even one that is equal: nothing says what else is different."""
    made = texts()
    assert [made.ask(value_of(1), "one"), made.ask(value_of(1), "two")] == ["one", "two"]


def test_keys_are_told_apart() -> None:
    made, value = texts(), value_of(1)
    asked = [made.ask(value, "one", key) for key in (("t", "q"), ("u", "q"), ("t", "r"))]
    assert (asked, made.count) == (["one"] * 3, 3)


def test_a_long_text_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "TEXT_BYTES_MAX", 3)
    made, value = texts(), value_of(1)
    assert [made.ask(value, "four"), made.ask(value, "1")] == ["four", "1"]


@pytest.mark.parametrize("options", [{"text_bytes_max": 0}, {"text_bytes_max": 1_000}])
def test_nothing_is_kept_without_room(options: dict[str, int]) -> None:
    made, value = texts(**options), value_of(1)
    assert [made.ask(value, "one"), made.ask(value, "two")] == ["one", "two"]


def test_what_an_answer_is_left_by_is_not_kept() -> None:
    """A client that leaves in the middle leaves half a text."""
    made, value = texts(), value_of(1)
    assert next(made.texts.answer(("t", "q"), value, lambda: iter([b"a", b"b"]))) == b"a"
    assert made.ask(value, "whole") == "whole"


def test_requests(tmp_path: Path) -> None:
    """The third of three is sent as the second one was; each is what would be computed anew."""

    async def scenario(api: RealApi) -> None:
        now_ms = time.time_ns() // 1_000_000 // MINUTE_MS * MINUTE_MS
        asked = {"start": f"{now_ms / 1000 - 600}", "end": f"{now_ms / 1000}", "step": "60"}

        async def ask(**params: str) -> bytes:
            query = {"query": "m * 2", **asked, **params}
            sent = {"X-Scope-OrgID": "t"}
            url = "/api/v1/query_range"
            async with api.client.get(url, params=query, headers=sent) as response:
                assert response.status == 200
                return await response.read()

        async def hits() -> float:
            async with api.client.get("/metrics") as response:
                text = await response.text()
            found = re.search(r"^cupola_query_cache_text_hits_total (.+)$", text, re.MULTILINE)
            assert found is not None
            return float(found[1])

        points = [(now_ms - k * MINUTE_MS, float(k)) for k in range(9, 1, -1)]
        await api.write(({"__name__": "m", "i": "1"}, points), tenant="t")
        answers = [await ask() for _ in range(4)]
        assert set(answers) == {await ask(nocache="1")}
        assert await hits() == 2
        assert await ask(limit="1") == await ask(limit="1", nocache="1")
        await api.write(({"__name__": "m", "i": "2"}, points), tenant="t")
        answers = [await ask() for _ in range(3)]
        assert set(answers) == {await ask(nocache="1")}
        assert b'"i":"2"' in answers[0]

    run_real_api(tmp_path, scenario, query__cache__min_evaluation_time="0")
