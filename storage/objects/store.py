"""A bucket: objects under names, written whole, read whole or in ranges.

What may have gone wrong on the way (errors of the server, lost connections, time-outs, bodies that
end early) is tried again here, with growing rests in between, and nowhere else. Requests under way
are bounded, and all are counted.

Invariants:
* What a method returns is of the length that was asked for; whether it is what was written, the
  checksums of the reader say.
* A failure that is raised names the bucket, the object and what was to be done with it.
"""

import logging
import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import obstore
from obstore import exceptions

from storage.errors import ObjectChanged, ObjectMissing, StoreConfigError, StoreFailed
from storage.objects.config import BucketConfig, S3Config, parse_config, read_config
from storage.objects.metrics import ObjectMetrics
from storage.objects.options import ObjectOptions
from storage.objects.providers import first_line, open_client

logger = logging.getLogger(__name__)

FIRST_REST_S = 0.1
REST_MAX_S = 15.0
PART_BYTES = 16 << 20
KEYS_PER_DELETE = 1_000
# Trying again cannot help.
FINAL = (
    exceptions.PermissionDeniedError,
    exceptions.UnauthenticatedError,
    exceptions.NotSupportedError,
    exceptions.InvalidPathError,
    exceptions.UnknownConfigurationKeyError,
    NotImplementedError,
    ValueError,
    TypeError,
)
TRIED_AGAIN = (exceptions.BaseError, OSError)
Result = TypeVar("Result")


class Listed(NamedTuple):
    """An object in a listing; modified_ms: when it was written."""

    name: str
    size: int
    modified_ms: int


class Range(NamedTuple):
    """The bytes [begin, end) of an object."""

    name: str
    begin: int
    end: int


@dataclass(frozen=True, slots=True)
class Version:
    """The contents of an object, and the tag that this version of it has."""

    content: bytes
    tag: str


class ObjectStore:
    """The objects of one bucket. Thread-safe."""

    def __init__(
        self,
        client: Any,
        place: str,
        options: ObjectOptions,
        metrics: ObjectMetrics,
        part_bytes: int = PART_BYTES,
    ) -> None:
        """client: one of obstore's; place: what it is called in errors; part_bytes: how large the
        parts of what is uploaded in parts are."""
        self.place = place
        self._client = client
        self._tries_max = options.tries_max
        self._metrics = metrics
        self._part_bytes = part_bytes
        self._slots = threading.BoundedSemaphore(options.requests_max)
        self._pool = ThreadPoolExecutor(options.requests_max, thread_name_prefix="objects")
        self._closing = threading.Event()

    def put(self, name: str, content: bytes | Path) -> None:
        """Write an object, whether it is there or not; a file in parts if it is large."""
        size = content.stat().st_size if isinstance(content, Path) else len(content)

        def work() -> None:
            obstore.put(self._client, name, content, chunk_size=self._part_bytes, max_concurrency=4)

        self._try("put", name, work)
        self._metrics.written_bytes.inc(size)

    def put_version(self, name: str, content: bytes, tag: str | None) -> str:
        """Write an object that has the version `tag`, or is not there yet (None); its new tag.

        Raises ObjectChanged if it is not so. No two writers may ever write the same content.
        """
        mode: Any = "create" if tag is None else {"e_tag": tag}

        def work() -> str:
            try:
                return str(obstore.put(self._client, name, content, mode=mode)["e_tag"])
            except NotImplementedError:  # a directory knows no versions
                obstore.put(self._client, name, content)
                return self._tag(name)

        try:
            written = self._try("put", name, work)
        except ObjectChanged:
            # A first try may have written it, and its answer been lost.
            found = self.get(name)
            if found.content != content:
                raise
            written = found.tag
        self._metrics.written_bytes.inc(len(content))
        return written

    def get(self, name: str) -> Version:
        """All of an object. Raises ObjectMissing."""

        def work() -> Version:
            answer = obstore.get(self._client, name)
            content = bytes(answer.bytes())
            if len(content) != answer.meta["size"]:
                raise OSError(f"got {len(content)} of {answer.meta['size']} bytes")
            return Version(content, str(answer.meta["e_tag"]))

        found = self._try("get", name, work)
        self._metrics.read_bytes.inc(len(found.content))
        return found

    def get_ranges(self, wanted: Sequence[Range]) -> list[memoryview]:
        """Parts of objects, side by side. Raises ObjectMissing."""
        futures: list[Future[memoryview]] = []
        try:
            futures.extend(self._pool.submit(self.get_range, each) for each in wanted)
            return [future.result() for future in futures]
        except RuntimeError as error:
            raise StoreFailed(f"{self.place} is closed") from error
        finally:
            for future in futures:
                future.cancel()

    def get_range(self, wanted: Range) -> memoryview:
        """A part of an object. Raises ObjectMissing."""

        def work() -> memoryview:
            found = obstore.get_range(self._client, wanted.name, start=wanted.begin, end=wanted.end)
            if len(found) != wanted.end - wanted.begin:
                raise OSError(f"got {len(found)} of {wanted.end - wanted.begin} bytes")
            return memoryview(found)

        found = self._try("get_range", wanted.name, work)
        self._metrics.read_bytes.inc(len(found))
        return found

    def listed(self, prefix: str) -> Iterator[Listed]:
        """The objects below a prefix, which ends with a name of a folder, in no order."""
        pages = self._try(
            "list", prefix, lambda: list(obstore.list(self._client, prefix, chunk_size=1_000))
        )
        for page in pages:
            for entry in page:
                moment = int(entry["last_modified"].timestamp() * 1_000)
                yield Listed(entry["path"], entry["size"], moment)

    def delete(self, names: Sequence[str]) -> None:
        """Delete objects; one that is not there is none of our business."""
        for start in range(0, len(names), KEYS_PER_DELETE):
            part = list(names[start : start + KEYS_PER_DELETE])
            self._try("delete", part[0], lambda part=part: self._delete(part))  # type: ignore[misc]

    def close(self) -> None:
        """Try nothing again any more."""
        self._closing.set()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _delete(self, names: list[str]) -> None:
        try:
            obstore.delete(self._client, names)
        except FileNotFoundError:
            for name in names:  # a directory stops at the first
                self._delete_one(name)

    def _delete_one(self, name: str) -> None:
        with suppress(FileNotFoundError):
            obstore.delete(self._client, name)

    def _tag(self, name: str) -> str:
        return str(obstore.head(self._client, name)["e_tag"])

    def _try(self, operation: str, name: str, work: Callable[[], Result]) -> Result:
        """Do the work, several times if need be."""
        what = f"{operation} of {name} in {self.place}"
        for number in range(1, self._tries_max + 1):
            try:
                return self._once(operation, work)
            except FileNotFoundError as error:
                raise ObjectMissing(f"{what}: there is no such object or bucket") from error
            except (exceptions.AlreadyExistsError, exceptions.PreconditionError) as error:
                raise ObjectChanged(f"{what}: another process wrote it first") from error
            except FINAL as error:
                raise StoreFailed(f"{what}: {first_line(error)}") from error
            except TRIED_AGAIN as error:
                reason = first_line(error)
                if number == self._tries_max or self._rest(number):
                    raise StoreFailed(
                        f"{what} failed {number} times, at most {self._tries_max} are tried "
                        f"(objstore.max-tries): {reason}"
                    ) from error
                logger.debug("trying again what=%r try=%d error=%r", what, number, reason)
        raise AssertionError("BUG: no try was the last")

    def _once(self, operation: str, work: Callable[[], Result]) -> Result:
        self._metrics.requests.labels(operation).inc()
        with self._slots, self._metrics.in_flight.track_inprogress():
            started = time.monotonic()
            try:
                return work()
            except FileNotFoundError:
                raise
            except Exception:
                self._metrics.failures.labels(operation).inc()
                raise
            finally:
                self._metrics.seconds.labels(operation).observe(time.monotonic() - started)

    def _rest(self, number: int) -> bool:
        """Rest before the next try; whether all is to end instead."""
        longest = min(REST_MAX_S, FIRST_REST_S * 2 ** (number - 1))
        return self._closing.wait(longest * (0.5 + random.random() / 2))


def configured(options: ObjectOptions) -> BucketConfig | None:
    """The bucket that the settings name; None: there is none. Raises StoreConfigError."""
    if options.config and options.config_file:
        raise StoreConfigError("objstore.config and objstore.config-file: only one may be given")
    if options.config_file:
        return read_config(Path(options.config_file))
    return parse_config(options.config, "objstore.config") if options.config else None


def open_store(config: BucketConfig, options: ObjectOptions, metrics: ObjectMetrics) -> ObjectStore:
    """Makes no request. Raises StoreConfigError."""
    client = open_client(config, options.request_timeout_ms)
    part_bytes = PART_BYTES
    if isinstance(config.provider, S3Config):
        part_bytes = config.provider.part_size
        if config.provider.disable_multipart:
            part_bytes = 5 << 30  # the largest object that S3 takes at once
    return ObjectStore(client, config.place, options, metrics, part_bytes)
