"""Edited bodies by the million: decoded, registered, logged and taken by a head, in this process.

Three of four bodies are real ones with other fields here and there and all lengths right, so that
they reach far; the others are real ones with other bytes, some of them changed after compression.
What may come of a body is an outcome, or one of the errors that are answered by 4xx. Anything else
ends the run, and the body is kept. In the end the database is closed, opened again from its own
files and read.

A part is also sent to a real server over HTTP (--http): every answer has to be 2xx or 4xx.
"""

import argparse
import asyncio
import random
import resource
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from prometheus_client import CollectorRegistry
from servers import PROGRAMS, running

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from receiver.errors import WriteError
from receiver.settings.options import WriteOptions
from receiver.wire.columns import limits_of
from receiver.wire.decoder import WriteDecoder
from storage.batch import (
    KIND_REMOTE_WRITE_1_SNAPPY,
    KIND_REMOTE_WRITE_1_ZSTD,
    KIND_REMOTE_WRITE_2_SNAPPY,
    KIND_REMOTE_WRITE_2_ZSTD,
)
from storage.database import Database
from storage.errors import CorruptBatch, LimitExceeded
from storage.labels.matchers import Matcher
from storage.options import MIB, StorageOptions
from storage.warm_up import STEPS
from tests.makers.bodies.edits import Edit, edited
from tests.makers.bodies.hostile import SEEDS, TYPE_1, TYPE_2
from tests.makers.bodies.hostile_trees import (
    REQUEST,
    WRITE_REQUEST,
    Tree,
    change,
    copied,
    encode,
    parse,
)
from tests.makers.bodies.rich import compress

KINDS = {
    (TYPE_1, "snappy"): KIND_REMOTE_WRITE_1_SNAPPY,
    (TYPE_1, "zstd"): KIND_REMOTE_WRITE_1_ZSTD,
    (TYPE_2, "snappy"): KIND_REMOTE_WRITE_2_SNAPPY,
    (TYPE_2, "zstd"): KIND_REMOTE_WRITE_2_ZSTD,
}
SHAPES = {TYPE_1: WRITE_REQUEST, TYPE_2: REQUEST}
GROUP = 200  # bodies under way at a time
TOLD_EVERY = 50_000
HTTP_CONNECTIONS = 16
NOW_MS = int(time.time() * 1000)


class Bodies:
    """An endless row of edited bodies, the same for the same seed."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._seeds = [(kind, raw) for kind, bodies in SEEDS.items() for raw in bodies]
        self._trees = [(kind, parse(raw, SHAPES[kind])) for kind, raw in self._seeds]

    def next(self) -> tuple[str, str, bytes]:
        """Content type, encoding, and what is sent."""
        rng = self._random
        kind, raw = self._other_fields() if rng.random() < 0.75 else self._other_bytes()
        if rng.random() < 0.01:
            kind = TYPE_1 if kind == TYPE_2 else TYPE_2
        encoding = "zstd" if rng.random() < 0.1 else "snappy"
        packed = compress(raw, encoding)
        if rng.random() < 0.02:
            packed = edited(packed, [Edit.drawn(rng)], raw)
        return kind, encoding, packed

    def _other_fields(self) -> tuple[str, bytes]:
        rng = self._random
        kind, seed = rng.choice(self._trees)
        tree: Tree = copied(seed)
        for _ in range(rng.randrange(1, 5)):
            change(rng, tree)
        return kind, encode(tree)

    def _other_bytes(self) -> tuple[str, bytes]:
        rng = self._random
        kind, raw = rng.choice(self._seeds)
        other = rng.choice(self._seeds)[1]
        return kind, edited(raw, [Edit.drawn(rng) for _ in range(rng.randrange(1, 4))], other)


def storage_options(path: Path) -> StorageOptions:
    """Small limits, so that each of them is met; samples of any time."""
    return replace(
        StorageOptions(),
        path=str(path),
        retention_ms=0,
        shards=2,
        series_max=100_000,
        head_samples_max=400_000,
        head_buckets_max=400_000,
        symbol_bytes_max=32 * MIB,
    )


class Pit:
    """Takes hostile bodies and counts what came of them."""

    def __init__(self, database: Database, decoder: WriteDecoder, kept: Path) -> None:
        self.results: Counter[str] = Counter()
        self._database = database
        self._decoder = decoder
        self._kept = kept

    async def take(self, kind: str, encoding: str, body: bytes, tenant: str) -> None:
        try:
            self.results[await self._outcome(KINDS[kind, encoding], body, tenant)] += 1
        except (WriteError, CorruptBatch, LimitExceeded) as error:
            self.results[f"refused: {error.reason}"] += 1
        except BaseException as error:
            self._kept.write_bytes(body)
            say(f"{error!r} came of {kind}, {encoding}, kept as {self._kept}")
            raise

    async def _outcome(self, kind: int, body: bytes, tenant: str) -> str:
        batch = self._decoder.decode(kind, body)
        if batch.is_empty:
            batch.release()
            return "taken: empty"
        outcome = await self._database.append(tenant, batch, NOW_MS)
        return "taken in part" if outcome.rejects else "taken"


async def run_in_process(pit: Pit, bodies: Bodies, count: int) -> None:
    started = time.monotonic()
    for first in range(0, count, GROUP):
        async with asyncio.TaskGroup() as group:
            for k in range(first, min(first + GROUP, count)):
                group.create_task(pit.take(*bodies.next(), tenant=f"t{k % 5}"))
        done = first + GROUP
        if done % TOLD_EVERY == 0:
            seconds = time.monotonic() - started
            say(f"{done:>9} bodies {seconds:7.0f} s, {resident_mib():5.0f} MiB")


def resident_mib() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / MIB


def in_process(path: Path, count: int, seed: int) -> None:
    """Raises what should not be raised."""
    decoder = WriteDecoder()
    limited = decoder.with_limits(limits_of(WriteOptions()))
    for step in STEPS:
        step()
    options = storage_options(path)
    database = Database.open(options, decoder.decode, CollectorRegistry())
    pit = Pit(database, limited, Path("broken.body"))
    try:
        asyncio.run(run_in_process(pit, Bodies(seed), count))
    finally:
        database.close()
    for result, number in sorted(pit.results.items()):
        say(f"{number:>9} {result}")
    database = Database.open(options, decoder.decode, CollectorRegistry())
    say(f"read again: {sum(read_all(database, f't{k}') for k in range(5))} samples")
    database.close()


def read_all(database: Database, tenant: str) -> int:
    querier = database.querier(tenant, replica_labels=(), dedup=True)
    selection = querier.select([Matcher("__name__", "=~", ".*")], -(1 << 62), 1 << 62)
    return sum(
        len(selection.read(row, min(row + 1_000, selection.labels.rows)))
        for row in range(0, selection.labels.rows, 1_000)
    )


async def send(port: int, bodies: Bodies, count: int, statuses: Counter[int]) -> None:
    """Send bodies over one connection, renewed where the server closes it."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for _ in range(count):
        kind, encoding, body = bodies.next()
        head = (
            f"POST /api/v1/write HTTP/1.1\r\nHost: x\r\nContent-Type: {kind}\r\n"
            f"Content-Encoding: {encoding}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        writer.write(head.encode() + body)
        answer = await reader.readuntil(b"\r\n\r\n")
        statuses[int(answer.split()[1])] += 1
        length = answer.lower().partition(b"content-length: ")[2].split(b"\r\n")[0]
        await reader.readexactly(int(length or 0))
    writer.close()


async def send_all(port: int, count: int, seed: int) -> Counter[int]:
    statuses: Counter[int] = Counter()
    async with asyncio.TaskGroup() as group:
        for k in range(HTTP_CONNECTIONS):
            bodies = Bodies(seed + 1 + k)
            group.create_task(send(port, bodies, count // HTTP_CONNECTIONS, statuses))
    return statuses


def over_http(path: Path, count: int, seed: int) -> bool:
    """Whether every answer was 2xx or 4xx, and nothing was logged as an error."""
    flags = ("--storage.retention=0", "--storage.max-series=100000", "--log.level=error")
    with running(PROGRAMS[0], path / "server", flags=flags) as server:
        statuses = asyncio.run(send_all(server.port, count, seed))
        errors = (server.directory / "log").read_text().count("level=error")
    answered = ", ".join(f"{number} x {status}" for status, number in sorted(statuses.items()))
    say(f"over HTTP: {answered}; errors in the log: {errors}")
    return not errors and all(200 <= status < 500 for status in statuses if status != 503)


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--bodies", type=int, default=1_000_000, help="bodies in this process")
    parser.add_argument("--http", type=int, default=50_000, help="bodies sent to a server")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    given = parser.parse_args(arguments)
    say(f"seed {given.seed}")
    with tempfile.TemporaryDirectory(
        prefix="cupola-hostile-", ignore_cleanup_errors=True
    ) as directory:
        in_process(Path(directory), given.bodies, given.seed)
        sound = not given.http or over_http(Path(directory), given.http, given.seed)
    return 0 if sound else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
