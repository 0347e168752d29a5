"""Warming up leaves nothing to compile for any request, and takes no time once all is on disk."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestClient

from receiver import warm_up
from receiver.warm_up import WarmUp, all_steps, compile_kernels, first_steps, steps
from storage.tenants.tenant import DEFAULT_TENANT
from tests.makers.databases import opened, seal, series, write
from tests.makers.real_api import run_program
from tests.makers.warm_kernels import NOT_WARM

ROOT = Path(__file__).parents[2]
# Tests that ask, write, seal and report as requests do: the scripts of the conformance set, the
# program over HTTP with all of its protocols and endpoints, and the database.
REQUESTS = (
    "tests/api/promql/test_scripts.py",
    "tests/api/endpoints",
    "tests/api/sources",
    "tests/api/thanos",
    "tests/api/answers/test_encoding.py",
    "tests/receiver/test_server.py",
    "tests/receiver/test_compliance.py",
    "tests/receiver/otlp/test_handler.py",
    "tests/receiver/ruling/test_setup.py",
    "tests/receiver/replaying/test_serving.py",
    "tests/receiver/stores/storeapi/test_columns.py",
    "tests/receiver/stores/test_setup.py",
    "tests/receiver/write/test_handler.py",
    "tests/storage/read",
    "tests/storage/segments",
    "tests/storage/test_database.py",
)


# Tests that import from each source, export, and query a directory, as the commands do.
COMMANDS = (
    "tests/receiver/importing/test_blocks.py",
    "tests/receiver/importing/test_json_lines.py",
    "tests/receiver/importing/test_remote_read.py",
    "tests/receiver/importing/text/test_source.py",
    "tests/receiver/commands/test_thanos_bucket.py",
    "tests/receiver/stores/bucket/test_block.py",
    "tests/receiver/stores/bucket/test_encoded.py",
    "tests/receiver/stores/bucket/test_source.py",
    "tests/receiver/stores/bucket/test_verifying.py",
    "tests/receiver/stores/test_windows.py",
    "tests/receiver/exporting",
    "tests/receiver/querying/test_local.py",
    "tests/receiver/test_promql.py",
)


def test_no_request_compiles_anything_after_warm_up() -> None:
    run_warm(*REQUESTS)


def test_no_command_compiles_anything_after_compile() -> None:
    run_warm("--warm-all", *COMMANDS)


# Asks what the arguments say after the first steps only, and prints kernels that were not loaded.
ASK = """
import sys
from receiver.cli import main
from receiver.warm_up import first_steps
from tests.makers.warm_kernels import calls

for step in first_steps():
    step()
warm = calls()
codes = [main(["query", text, *sys.argv[1:]]) for text in sys.stdin.read().splitlines()]
print(codes, sorted(calls() - warm), file=sys.stderr)
"""
# What a panel asks first; more than half of the words of the language are loaded when called.
FIRST_QUERIES = (
    "x_total",
    "rate(x_total[1m])",
    "sum by (a) (rate(x_total[1m]))",
    "max(x_total)",
    "topk(1, x_total)",
)


def test_a_first_query_of_sealed_samples_loads_no_kernel(tmp_path: Path) -> None:
    points = [(15_000 * k, k / 8) for k in range(400)]
    with opened(tmp_path) as database:
        written = [series("x_total", points, a=a, replica=r) for a in "12" for r in "ab"]
        write(database, written, tenant=DEFAULT_TENANT)
        seal(database)
    options = (f"--storage.path={tmp_path}", "--storage.retention=0", "--format=json")
    command = [sys.executable, "-c", ASK, "--start=600", "--end=5000", "--step=60", *options]
    asked = "\n".join(FIRST_QUERIES)
    done = subprocess.run(
        command, cwd=ROOT, input=asked, capture_output=True, text=True, check=True
    )
    assert done.stderr == f"{[0] * len(FIRST_QUERIES)} []\n"


def run_warm(*arguments: str) -> None:
    """Run tests and see that they call no kernel that was not warm.

    Whether they pass is said where they run by themselves; here it counts what they called.
    """
    command = [sys.executable, "-m", "pytest", "-q", "-p", "tests.makers.warm_kernels", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    report = done.stdout[-10_000:] + done.stderr[-2_000:]
    assert done.returncode in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED), report
    assert NOT_WARM not in done.stdout, report


def test_steps_need_no_order() -> None:
    """Processes share them: one that starts with the last step has none of the first."""
    for step in reversed(list(all_steps())):
        step()


def test_compiling_reports_each_step(monkeypatch: pytest.MonkeyPatch) -> None:
    reported: list[tuple[int, int]] = []
    assert compile_kernels(lambda done, total: reported.append((done, total)))
    total = len(list(all_steps()))
    assert reported == [(done, total) for done in range(1, total + 1)]
    assert warm_up.is_complete(warm_up.KERNELS)


@pytest.mark.parametrize(("lost", "kept"), [([], True), (["a.kernel"], False)])
def test_a_step_says_whether_all_was_kept(
    monkeypatch: pytest.MonkeyPatch, lost: list[str], kept: bool
) -> None:
    monkeypatch.setattr(warm_up, "LOST", lost)
    monkeypatch.setattr(warm_up, "all_steps", lambda: iter([lambda: None]))
    assert warm_up.run_step(0) is kept


class Scene:
    """A warm-up whose kernels are there or not, and what it did."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, complete: list[bool]) -> None:
        """complete: whether all kernels are on disk, as it is asked for one time after another."""
        self.did: list[str] = []
        self.warm_up = WarmUp(lambda: self.did.append("decoder"))
        self._complete = complete
        monkeypatch.setattr(warm_up, "is_complete", lambda kernels, **_: self._complete.pop(0))
        monkeypatch.setattr(warm_up, "mark_complete", lambda kernels: self.did.append("mark"))
        monkeypatch.setattr(warm_up, "first_steps", lambda: [warm_up.warm_decoder])
        monkeypatch.setattr(warm_up, "steps", lambda: [lambda: self.did.append("all steps")])
        monkeypatch.setattr(warm_up, "all_steps", lambda: [int] * 3)
        monkeypatch.setattr(warm_up, "run_steps", self.run_steps)

    def run_steps(self, terms: Any, places: Any, **others: Any) -> bool:
        assert terms.niceness > 0
        self.did.append(f"{'own ' * terms.own_only}processes {places}")
        return True


@pytest.mark.parametrize(
    ("complete", "did"),
    [
        ([True], {"decoder"}),
        ([False, False, True], {"decoder", "processes [0, 1, 2]", "mark"}),
        ([False, True, True], {"decoder"}),
        ([False, False, False], {"decoder", "processes [0, 1, 2]", "mark", "all steps"}),
    ],
    ids=["on disk", "missing", "compiled by others", "not to be kept"],
)
def test_what_is_missing_is_compiled_by_other_processes(
    complete: list[bool], did: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = Scene(monkeypatch, complete)
    assert scene.warm_up.run()
    assert set(scene.did) == did


@pytest.mark.parametrize(
    ("complete", "did"), [([True], []), ([False, False], ["own processes [0, 1, 2]", "mark"])]
)
def test_kernels_for_any_processor_are_compiled_for_this_one(
    complete: list[bool], did: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = Scene(monkeypatch, complete)
    scene.warm_up.improve()
    assert scene.did == did


def test_a_warm_up_that_is_ended_is_not_warm(monkeypatch: pytest.MonkeyPatch) -> None:
    scene = Scene(monkeypatch, [True])
    scene.warm_up.end()
    assert not scene.warm_up.run()
    assert scene.did == []


def test_what_is_needed_first_is_a_part_of_all() -> None:
    total, first = len(list(steps())), len(first_steps())
    assert 0 < first < total / 4


def test_a_warm_program_forgets_what_only_its_start_needed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    forgotten, may_go_on = threading.Event(), threading.Event()

    def forget() -> None:
        forgotten.set()
        assert may_go_on.wait(120)

    monkeypatch.setattr(warm_up, "forget_file_pages", forget)

    async def is_warm(client: TestClient[Any, Any]) -> bool:
        async with client.get("/metrics") as response:
            return "cupola_kernels_warm 1.0" in await response.text()

    async def scenario(client: TestClient[Any, Any]) -> None:
        assert await asyncio.to_thread(forgotten.wait, 120)
        assert not await is_warm(client)  # or the first query would wait for pages
        may_go_on.set()
        async with asyncio.timeout(120):
            while not await is_warm(client):
                await asyncio.sleep(0.01)

    run_program({"storage.path": str(tmp_path), "storage.shards": "1"}, scenario)
