"""A bucket: what is written is read, and what goes wrong on the way is tried again or named."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from storage.errors import ObjectChanged, ObjectMissing, StoreConfigError, StoreFailed
from storage.objects.config import parse_config
from storage.objects.metrics import ObjectMetrics
from storage.objects.options import ObjectOptions
from storage.objects.store import ObjectStore, Range, configured, open_store
from tests.makers.buckets.faults import Fault, FaultProxy
from tests.makers.buckets.servers import (
    directory_store,
    directory_text,
    s3_server,
    store_of,
)


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with s3_server(tmp_path_factory.mktemp("s3")) as address:
        yield address


@pytest.fixture(params=["s3", "directory"])
def store(request: pytest.FixtureRequest, address: str, tmp_path: Path) -> Iterator[ObjectStore]:
    prefix = f"of-{tmp_path.name}"
    store = (
        store_of(address, prefix=prefix)
        if request.param == "s3"
        else directory_store(tmp_path / "bucket", prefix)
    )
    yield store
    store.close()


def test_objects_are_read_as_they_were_written(store: ObjectStore, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(bytes(range(256)) * 4)
    store.put("a/b/text", b"hello")
    store.put("a/b/file", file)
    assert store.get("a/b/text").content == b"hello"
    ranges = [Range("a/b/file", 0, 3), Range("a/b/file", 1020, 1024), Range("a/b/text", 1, 3)]
    assert [bytes(part) for part in store.get_ranges(ranges)] == [
        b"\0\1\2", b"\xfc\xfd\xfe\xff", b"el",
    ]  # fmt: skip
    store.put("a/b/text", b"world!")
    store.put("a/other", b"")
    listed = {(each.name, each.size) for each in store.listed("a/b")}
    assert listed == {("a/b/text", 6), ("a/b/file", 1024)}
    store.delete(["a/b/nothing", "a/b/text"])
    assert {each.name for each in store.listed("a")} == {"a/b/file", "a/other"}
    with pytest.raises(ObjectMissing, match=r"get of a/b/text in .*no such object"):
        store.get("a/b/text")
    with pytest.raises(ObjectMissing):
        store.get_ranges([Range("a/b/file", 0, 3), Range("a/b/text", 1, 3)])


def test_a_version_is_written_by_who_knows_the_one_before(address: str, tmp_path: Path) -> None:
    store = store_of(address, prefix=tmp_path.name)
    first = store.put_version("catalog", b"1", None)
    with pytest.raises(ObjectChanged):
        store.put_version("catalog", b"2", None)
    second = store.put_version("catalog", b"2", first)
    with pytest.raises(ObjectChanged):
        store.put_version("catalog", b"3", first)
    found = store.get("catalog")
    assert (found.content, found.tag) == (b"2", second)
    store.close()


def test_a_directory_knows_no_versions(tmp_path: Path) -> None:
    store = directory_store(tmp_path)
    first = store.put_version("catalog", b"1", None)
    with pytest.raises(ObjectChanged):
        store.put_version("catalog", b"2", None)
    assert store.put_version("catalog", b"2", first)
    assert store.get("catalog").content == b"2"
    store.close()


def repeated(fault: Fault) -> Callable[[str, str, int], Fault | None]:
    period = 6 if fault.delay_s else 2
    return lambda method, path, number: fault if number % period == 0 else None


@pytest.mark.parametrize(
    "fault",
    [
        Fault(status=500),
        Fault(status=503),
        Fault(lost_request=True),
        Fault(lost_answer=True),
        Fault(half=True),
        Fault(delay_s=3.5),
    ],
    ids=str,
)
def test_many_requests_fail_once(address: str, tmp_path: Path, fault: Fault) -> None:
    with FaultProxy(address, repeated(fault)).running() as proxy:
        options = ObjectOptions(request_timeout_ms=3_000, tries_max=6)
        store = store_of(proxy.address, options, prefix=tmp_path.name)
        content = bytes(range(256)) * 100
        store.put("a/object", content)
        tag = store.put_version("a/catalog", b"1", None)
        store.put_version("a/catalog", b"2", tag)
        assert store.get("a/object").content == content
        (part,) = store.get_ranges([Range("a/object", 100, 20_000)])
        assert bytes(part) == content[100:20_000]
        assert {each.name for each in store.listed("a")} == {"a/object", "a/catalog"}
        store.delete(["a/object"])
        assert store.get("a/catalog").content == b"2"
        store.close()
        assert proxy.faults >= (2 if fault.delay_s else 6)


def test_what_fails_each_time_is_named(address: str, tmp_path: Path) -> None:
    with FaultProxy(address, lambda *_: Fault(status=500)).running() as proxy:
        store = store_of(proxy.address, ObjectOptions(tries_max=2), prefix=tmp_path.name)
        with pytest.raises(
            StoreFailed,
            match=r"put of a in s3://metrics/.* failed 2 times, at most 2 .*max-tries\).*500",
        ):
            store.put("a", b"1")
        assert proxy.counts["PUT"] == 2
        store.close()


def test_requests_are_counted(tmp_path: Path) -> None:
    registry = CollectorRegistry()
    config = parse_config(directory_text(tmp_path), "test")
    store = open_store(config, ObjectOptions(), ObjectMetrics(registry))
    store.put("a", b"12345")
    store.get_ranges([Range("a", 0, 3)])
    store.close()

    def value(name: str, operation: str = "") -> float | None:
        labels = {"operation": operation} if operation else {}
        return registry.get_sample_value(f"cupola_objstore_{name}", labels)

    assert value("requests_total", "put") == value("requests_total", "get_range") == 1
    assert value("written_bytes_total") == 5
    assert value("read_bytes_total") == 3
    assert value("failures_total", "put") == 0
    assert value("request_duration_seconds_count", "put") == 1


def test_requests_at_a_time_are_bounded(tmp_path: Path) -> None:
    store = directory_store(tmp_path)
    store._slots = threading.BoundedSemaphore(1)
    store.put("a", b"1")
    store._slots.acquire()
    done = threading.Event()
    thread = threading.Thread(target=lambda: (store.get("a"), done.set()))
    thread.start()
    assert not done.is_set()
    store._slots.release()
    assert done.wait(30)
    thread.join()
    store.close()
    with pytest.raises(StoreFailed, match="is closed"):
        store.get_ranges([Range("a", 0, 1)])


def test_settings_name_one_bucket(tmp_path: Path) -> None:
    text = directory_text(tmp_path)
    file = tmp_path / "objstore.yml"
    file.write_text(text)
    assert configured(ObjectOptions()) is None
    assert configured(ObjectOptions(config=text)) == configured(
        ObjectOptions(config_file=str(file))
    )
    with pytest.raises(StoreConfigError, match="only one may be given"):
        configured(ObjectOptions(config=text, config_file=str(file)))
