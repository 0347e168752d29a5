"""Numbered samples against SIGKILL: every acknowledged one is stored exactly once, at any moment.

Senders of several tenants write while the server is killed again and again, mostly while it works,
sometimes while it starts. Heads are small, so that segments are sealed and the log is truncated
during the run; samples of one tenant leave the retention, and the limits file is replaced all the
time. Two tenants send native histograms and exemplars, in either version of remote write; these
histograms are read from the data directory in the end.

CUPOLA_CRASH_KILLS sets the number of kills.
"""

from __future__ import annotations

import itertools
import os
import random
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from compose.processes import Server, free_ports
from compose.scene import Client, cupola_server
from storage.labels.matchers import Matcher
from tests.crash.senders import (
    NAME,
    RETRY_PAUSE_S,
    SAMPLES_PER_SERIES,
    SERIES,
    ExpiringSender,
    RichSender,
    Sender,
)
from tests.makers.databases import opened, read_mixed
from tests.makers.histograms import without_hints
from tests.makers.stored_samples import Stored, stored, value_bits

KILLS = int(os.environ.get("CUPOLA_CRASH_KILLS", "26"))
KILLS_AT_START = KILLS // 4  # of these, while the server starts
UP_S_MAX = 1.5
# Retention is looked after every ten seconds, so some lives have to be longer.
LONG_LIFE_EVERY = 25
LONG_LIFE_S = 11.0
TENANTS = ("one", "two", "three")
# Alone on its shard, so that whole segments expire.
EXPIRING = "expiring"
RETENTION_MS = 2 * 3_600_000
EXPIRES_IN_MS = 30_000
EXPIRY_PATIENCE_S = 60
RELOAD_PAUSE_S = 0.15
FLAGS = (
    "--storage.shards=3",
    "--storage.head.max-samples=12000",
    f"--storage.retention={RETENTION_MS}ms",
    "--reload-interval=50ms",
)
# None of these changes what is stored of the tenants, but all of them are logged and compared.
LIMITS = (
    "limits: {max_label_names_per_series: 10}\n",
    "limits: {max_label_value_length: 100}\noverrides: {one: {max_global_series_per_user: 1000}}\n",
    "overrides:\n  mixed: {metric_relabel_configs: [{action: labeldrop, regex: nobody_has_it}]}\n",
    "limits: {ingestion_rate: 1000000, out_of_order_time_window: 2h}\n",
)


class Reloads(threading.Thread):
    """Replaces the limits file again and again, whole at every moment."""

    def __init__(self, path: Path) -> None:
        super().__init__(name="reloads")
        self._path = path
        self._stop_asked = threading.Event()
        self._replace(LIMITS[0])

    def run(self) -> None:
        for text in itertools.cycle(LIMITS):
            self._replace(text)
            if self._stop_asked.wait(RELOAD_PAUSE_S):
                return

    def finish(self) -> None:
        self._stop_asked.set()
        self.join()

    def _replace(self, text: str) -> None:
        new = self._path.with_suffix(".new")
        new.write_text(text)
        new.replace(self._path)


def test_every_acknowledged_sample_is_stored_exactly_once(tmp_path: Path) -> None:
    seed = random.SystemRandom().randrange(1 << 32)
    (port,) = free_ports(0)
    limits = tmp_path / "limits.yml"
    reloads = Reloads(limits)
    server = cupola_server(tmp_path, *FLAGS, f"--limits.file={limits}", port=port)
    with server.start():
        server.wait_ready()
        plain = [Sender(server.url, tenant, seed + i) for i, tenant in enumerate(TENANTS)]
        rich = [
            RichSender(server.url, f"rich-{version}", seed + 10 + version, version=version)
            for version in (1, 2)
        ]
        expiring = ExpiringSender(
            server.url, EXPIRING, seed + 20, age_ms=RETENTION_MS - EXPIRES_IN_MS
        )
        threads: list[Sender | Reloads] = [*plain, *rich, expiring, reloads]
        for thread in threads:
            thread.start()
        try:
            kill_often(server, random.Random(seed))
            server.wait_ready()
            time.sleep(2 * RETRY_PAUSE_S)
            wait_for_expiry(server)
        finally:
            for thread in threads:
                thread.finish()
        for _ in range(2):
            check(server, plain, seed)
            check_expiring(server, expiring, seed)
            for sender in rich:
                check_exemplars(server, sender, seed)
            assert server.stop() == 0, f"exit code after SIGTERM\n{server.log_tail()}"
            assert list(tmp_path.glob("data/**/samples.parquet")), "nothing was sealed in this run"
            server.start().wait_ready()
        assert server.stop() == 0, f"exit code after SIGTERM\n{server.log_tail()}"
    check_rich(tmp_path / "data", rich, seed)


def kill_often(server: Server, rng: random.Random) -> None:
    """Kill and start the server KILLS times."""
    at_start = set(rng.sample(range(1, KILLS), KILLS_AT_START))
    started = time.monotonic()
    server.wait_ready()
    start_s = 1.0
    for kill in range(1, KILLS + 1):
        if kill % LONG_LIFE_EVERY == 0:
            server.wait_ready()
            time.sleep(LONG_LIFE_S)
        elif kill in at_start:
            time.sleep(rng.uniform(0, start_s))
        else:
            server.wait_ready()
            start_s = max(0.5, time.monotonic() - started)
            time.sleep(rng.uniform(0, UP_S_MAX))
        server.kill()
        started = time.monotonic()
        server.start()


def wait_for_expiry(server: Server) -> None:
    deadline = time.monotonic() + EXPIRY_PATIENCE_S
    while "retention dropped" not in server.log.read_text():
        assert time.monotonic() < deadline, f"nothing expired\n{server.log_tail()}"
        time.sleep(0.5)


def check(server: Server, senders: Sequence[Sender], seed: int) -> None:
    for sender in senders:
        assert sender.refusals == [], f"seed {seed}, {sender.tenant}"
        assert len(sender.acked) > SAMPLES_PER_SERIES * KILLS, f"seed {seed}: too little was acked"
        kept = stored(Client(server.url, sender.tenant), NAME, window="2h")
        assert len(kept) == SERIES, f"seed {seed}: {len(kept)} series of {SERIES}"
        wrong = wrong_series(kept, sender, sender.acked)
        assert wrong == [], f"seed {seed}, {sender.tenant}\n{server.log_tail()}"


def check_expiring(server: Server, sender: ExpiringSender, seed: int) -> None:
    """What the retention keeps is there; what is older may be."""
    # A request that came again after a long start may have been too late.
    assert [text for text in sender.refusals if "too_old" not in text] == [], f"seed {seed}"
    kept = stored(Client(server.url, sender.tenant), NAME, window="3h")
    oldest = time.time_ns() // 1_000_000 - RETENTION_MS - sender.start_ms
    wrong = wrong_series(kept, sender, {n for n in sender.acked if n >= oldest})
    assert wrong == [], f"seed {seed}, {sender.tenant}\n{server.log_tail()}"


def check_exemplars(server: Server, sender: RichSender, seed: int) -> None:
    start_s, end_s = sender.start_ms / 1000, (sender.start_ms + sender.sent) / 1000
    (series,) = Client(server.url, sender.tenant).get(
        "query_exemplars", query=NAME, start=str(start_s), end=str(end_s)
    )
    numbers = [int(exemplar["labels"]["trace_id"]) for exemplar in series["exemplars"]]
    assert numbers == sorted(set(numbers)), f"seed {seed}, {sender.tenant}: repeated"
    lost = sender.acked_exemplars - set(numbers)
    assert not lost, f"seed {seed}, {sender.tenant}: {len(lost)} exemplars of {len(numbers)}"


def check_rich(data: Path, senders: Sequence[RichSender], seed: int) -> None:
    """What tenants with histograms have, read without a server."""
    assert list(data.glob("**/histograms.parquet")), "no histograms were sealed in this run"
    with opened(data) as database:
        for sender in senders:
            assert sender.refusals == [], f"seed {seed}, {sender.tenant}"
            assert len(sender.acked) > SAMPLES_PER_SERIES * KILLS, f"seed {seed}"
            kept = read_mixed(database, Matcher("__name__", "=", NAME), tenant=sender.tenant)
            assert len(kept) == SERIES, f"seed {seed}: {len(kept)} series of {SERIES}"
            for labels, points in kept.items():
                numbers = [timestamp_ms - sender.start_ms for timestamp_ms, _, _ in points]
                assert sender.acked <= set(numbers), f"seed {seed}, {labels}: some are lost"
                expected = [[sender.point(n) for n in numbers]]
                assert without_hints([points]) == expected, f"seed {seed}"


def wrong_series(kept: Stored, sender: Sender, wanted: set[int]) -> list[str]:
    """What is lost, repeated, invented or changed, series by series."""
    wrong = []
    for labels, points in kept.items():
        numbers = [timestamp_ms - sender.start_ms for timestamp_ms, _ in points]
        problems = {
            "lost": sorted(wanted - set(numbers))[:5],
            "repeated or unsorted": [
                n for n, m in zip(numbers, numbers[1:], strict=False) if n >= m
            ],
            "never sent": [n for n in numbers if not 0 <= n < sender.sent],
            "changed": [
                n
                for n, (_, bits) in zip(numbers, points, strict=True)
                if bits != value_bits(float(n))
            ],
        }
        wrong += [f"{dict(labels)}: {k} {v[:5]}" for k, v in problems.items() if v]
    return wrong
