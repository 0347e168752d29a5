"""What is kept is bounded, and tenants have equal rights to it."""

from __future__ import annotations

from typing import Any

from prometheus_client import CollectorRegistry

from api.frontend.cache import ExtentCache
from api.frontend.extent import EXTENT_BYTES
from api.frontend.metrics import FrontendMetrics
from api.frontend.options import CacheOptions


class Sized:
    """An extent as far as a cache looks at it."""

    def __init__(self, size: int) -> None:
        self.size = size


class Scene:
    def __init__(self, **options: Any) -> None:
        self.registry = CollectorRegistry()
        self.now_s = 0.0
        metrics = FrontendMetrics(self.registry)
        self.cache = ExtentCache(CacheOptions(**options), metrics, lambda: self.now_s)

    def put(self, owner: str, name: str, size: int = 10) -> None:
        extent: Any = Sized(size)
        self.cache.put((owner, name), extent)

    def has(self, owner: str, names: str) -> str:
        """Those of the names that are kept."""
        return "".join(name for name in names if (owner, name) in self.cache)

    def evicted(self, reason: str) -> float:
        name = "cupola_query_cache_evictions_total"
        return self.registry.get_sample_value(name, {"reason": reason}) or 0.0

    def gauge(self, name: str) -> float | None:
        return self.registry.get_sample_value(f"cupola_query_cache_{name}")


def test_what_was_put_is_found() -> None:
    scene = Scene()
    assert scene.cache.get(("t", "a")) is None
    scene.put("t", "a", 10)
    scene.put("t", "a", 20)
    found: Any = scene.cache.get(("t", "a"))
    assert found.size == 20
    assert scene.cache.get(("t", "b")) is None and scene.cache.get(("u", "a")) is None
    assert (scene.gauge("bytes"), scene.gauge("entries")) == (20, 1)


def test_what_was_not_asked_for_longest_goes() -> None:
    scene = Scene(bytes_max=40)
    for name in "abcd":
        scene.put("t", name)
    scene.cache.get(("t", "a"))
    scene.put("t", "e")
    assert scene.has("t", "abcde") == "acde"
    assert (scene.evicted("size"), scene.gauge("bytes")) == (1, 40)


def test_who_has_most_gives_way() -> None:
    scene = Scene(bytes_max=60)
    scene.put("small", "a")
    for name in "abcde":
        scene.put("large", name)
    scene.put("small", "b")
    assert scene.has("small", "ab") == "ab"
    assert scene.has("large", "abcde") == "bcde"


def test_a_tenant_has_its_share_only() -> None:
    scene = Scene(bytes_max=1000, tenant_bytes_max=40)
    for name in "abcde":
        scene.put("t", name)
        scene.put("u", name)
    assert scene.has("t", "abcde") == scene.has("u", "abcde") == "bcde"
    assert scene.evicted("tenant_size") == 2


def test_what_is_too_large_is_not_kept_nor_what_it_replaces() -> None:
    scene = Scene(bytes_max=40)
    scene.put("t", "a", 10)
    scene.put("t", "b", 10)
    scene.put("t", "a", 11)
    assert scene.has("t", "ab") == "b"
    assert scene.cache.fits(10) and not scene.cache.fits(11)


def test_entries_are_bounded() -> None:
    scene = Scene(entries_max=3)
    for name in "abc":
        scene.put("t", name)
    scene.put("u", "d")
    assert (scene.has("t", "abc"), scene.has("u", "d")) == ("bc", "d")
    assert (scene.evicted("entries"), scene.gauge("entries")) == (1, 3)


def test_what_no_one_asks_for_grows_old() -> None:
    scene = Scene(age_ms=60_000)
    scene.put("t", "a")
    scene.put("t", "b")
    scene.now_s = 50.0
    assert scene.cache.get(("t", "b")) is not None
    scene.now_s = 70.0
    assert scene.cache.get(("t", "a")) is None
    assert scene.cache.get(("t", "b")) is not None
    scene.now_s = 140.0
    scene.put("u", "c")
    assert (scene.has("t", "ab"), scene.evicted("age")) == ("", 2)
    forever = Scene(age_ms=0)
    forever.put("t", "a")
    forever.now_s = 1e9
    assert forever.cache.get(("t", "a")) is not None


def test_it_can_be_off() -> None:
    assert not Scene(bytes_max=0).cache.is_on
    assert Scene().cache.is_on
    assert Scene(worthwhile_ms=7).cache.worthwhile_ms == 7
    assert EXTENT_BYTES > 0
