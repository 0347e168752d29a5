"""Where an import is written to: a data directory, or a server by remote write.

prepare() makes of a body what send() takes; it may run in any thread and takes most of the time.
send() returns once the samples are durable, and waits while the target is busy.
"""

import asyncio
import random
from collections.abc import Mapping
from types import TracebackType
from typing import Protocol, Self

import aiohttp
import snappy
from prometheus_client import CollectorRegistry

from receiver.importing.errors import TargetError
from receiver.importing.parts import Report
from receiver.settings.bucket import bucket_of
from receiver.settings.config import Config
from receiver.version import program_version
from receiver.wire.columns import replay_limits_of
from receiver.wire.decoder import WriteDecoder
from storage.batch import KIND_REMOTE_WRITE_1_SNAPPY, Outcome
from storage.database import Database
from storage.errors import LogFailed, StorageError
from storage.policy import Policy
from storage.shard.shard import now_ms

# How long a target may be busy without taking anything.
PATIENCE_SECONDS = 600.0
WAIT_SECONDS = 0.2
WAIT_SECONDS_MAX = 30.0
REQUEST_SECONDS = 120.0
# Of an answer that are shown.
ANSWER_CHARS_MAX = 500
HEADERS = {
    "Content-Type": "application/x-protobuf",
    "Content-Encoding": "snappy",
    "X-Prometheus-Remote-Write-Version": "0.1.0",
}


class Target(Protocol):
    """Where bodies go."""

    @property
    def name(self) -> str:
        """What it is, for the state of an import."""

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...

    def prepare(self, body: bytes) -> bytes:
        """The payload of an uncompressed request."""

    async def send(self, payload: bytes) -> None:
        """Make it durable; what is refused goes to the report. Raises TargetError."""


class DatabaseTarget:
    """The data directory of a program that does not run, or of this one, which has metrics."""

    def __init__(
        self,
        config: Config,
        tenant: str,
        report: Report,
        registry: CollectorRegistry | None = None,
    ) -> None:
        self._config = config
        self._registry = CollectorRegistry() if registry is None else registry
        self._tenant = tenant
        self._report = report
        self._decoder = WriteDecoder(replay_limits_of(config.write))

    @property
    def name(self) -> str:
        return f"directory {self._config.storage.path}"

    async def __aenter__(self) -> Self:
        def opened() -> Database:
            policy = Policy(bucket=bucket_of(self._config, self._registry))
            return Database.open(self._config.storage, self._decoder.decode, self._registry, policy)

        try:
            self._database = await asyncio.to_thread(opened)
        except (StorageError, OSError) as error:
            raise TargetError(str(error)) from error
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await asyncio.to_thread(self._database.close)

    def prepare(self, body: bytes) -> bytes:
        return bytes(snappy.compress(body))

    async def send(self, payload: bytes) -> None:
        waited, wait = 0.0, WAIT_SECONDS
        while True:
            try:
                batch = self._decoder.decode(KIND_REMOTE_WRITE_1_SNAPPY, payload)
                outcome = await self._database.append(self._tenant, batch, now_ms())
                return self._count(outcome)
            except StorageError as error:
                if not error.retryable or isinstance(error, LogFailed) or waited > PATIENCE_SECONDS:
                    raise TargetError(str(error)) from error
            await asyncio.sleep(wait)
            waited, wait = waited + wait, min(2 * wait, WAIT_SECONDS_MAX)

    def _count(self, outcome: Outcome) -> None:
        for reject in outcome.rejects:
            what = f"samples refused, {reject.reason}"
            self._report.lose(what, reject.count, reject.message)
        for reject in outcome.exemplar_rejects:
            what = f"exemplars refused, {reject.reason}"
            self._report.lose(what, reject.count, reject.message)
        if outcome.metadata_not_kept:
            what = "descriptions of metric families, for which there is no room"
            self._report.lose(what, outcome.metadata_not_kept)
        if outcome.kept_out:
            self._report.note(
                "some samples were left as they are: the database has another value at their time"
            )


class ServerTarget:
    """A server that takes remote write 1.0."""

    def __init__(self, url: str, headers: Mapping[str, str], report: Report) -> None:
        self._url = url
        agent = {"User-Agent": f"cupola-import/{program_version()}"}
        self._headers = HEADERS | agent | dict(headers)
        self._report = report

    @property
    def name(self) -> str:
        return f"server {self._url}"

    async def __aenter__(self) -> Self:
        timeout = aiohttp.ClientTimeout(total=REQUEST_SECONDS)
        self._session = aiohttp.ClientSession(timeout=timeout)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._session.close()

    def prepare(self, body: bytes) -> bytes:
        return bytes(snappy.compress(body))

    async def send(self, payload: bytes) -> None:
        waited, wait = 0.0, WAIT_SECONDS
        while True:
            problem, pause = await self._post(payload)
            if problem is None:
                return
            pause = max(pause, wait * random.uniform(1, 1.5))
            if waited + pause > PATIENCE_SECONDS:
                raise TargetError(f"{self._url} took nothing for {waited:.0f} s: {problem}")
            await asyncio.sleep(pause)
            waited, wait = waited + pause, min(2 * wait, WAIT_SECONDS_MAX)

    async def _post(self, payload: bytes) -> tuple[str | None, float]:
        """(None, 0) once it is durable, or why it has to be sent again, and after how long."""
        try:
            request = self._session.post(self._url, data=payload, headers=self._headers)
            async with request as answer:
                text = (await answer.text(errors="replace"))[:ANSWER_CHARS_MAX].strip()
                if answer.status < 300:
                    return None, 0.0
                if answer.status == 400:
                    self._report.lose("requests refused in whole or in part", 1, text)
                    return None, 0.0
                if answer.status != 429 and answer.status < 500:
                    raise TargetError(f"{self._url} answers {answer.status}: {text}")
                return f"{answer.status}: {text}", seconds_of(answer.headers.get("Retry-After"))
        except (aiohttp.ClientError, TimeoutError) as error:
            return f"{error!r}", 0.0


def seconds_of(retry_after: str | None) -> float:
    """How long a Retry-After asks to wait; 0 where it states a date, or nothing."""
    try:
        return max(0.0, float(retry_after or 0))
    except ValueError:
        return 0.0
