"""A real store gateway over a bucket of which only windows of 5 minutes are left, behind Cupola."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from compose.processes import Server, free_ports
from compose.scene import cupola_server
from tests.agents.thanos.programs import thanos_program
from tests.agents.thanos.test_stores import ask, until_found

# Blocks of at least 40 hours are downsampled; those of a Prometheus are of 54.
BLOCK_S, STEP_S, RANGE_S = 54 * 3600, 60, 3600
SAMPLES = BLOCK_S // STEP_S
BASE_S = int(time.time()) // BLOCK_S * BLOCK_S - BLOCK_S
M5_MS = 300_000
PATIENCE_S = 120


@dataclass(frozen=True)
class Scene:
    """Where Cupola is, and what the series had."""

    url: str
    counter: np.ndarray
    gauge: np.ndarray


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    program = thanos_program()
    if not shutil.which("promtool"):
        pytest.skip("Debian's package prometheus is not installed")
    folder = tmp_path_factory.mktemp("downsampled")
    counter = np.random.default_rng(1).integers(0, 9, SAMPLES).cumsum().astype(float)
    for at in (SAMPLES // 2, SAMPLES * 2 // 3):
        counter[at:] -= counter[at]
    gauge = np.round(20 + 5 * np.sin(np.arange(SAMPLES) / 100), 3)
    bucket = make_bucket(folder, program, {"req_total": counter, "temp": gauge})
    with ExitStack() as stack:
        http, grpc, port = free_ports(0, 0, 0)
        command = [program, "store", objects(bucket), f"--data-dir={folder / 'store'}"]
        addresses = [f"--grpc-address=127.0.0.1:{grpc}", f"--http-address=127.0.0.1:{http}"]
        store = Server(
            "store", [*command, *addresses], url=f"http://127.0.0.1:{http}", ready="/-/ready",
            log=folder / "store.log",
        )  # fmt: skip
        stack.enter_context(store.start()).wait_ready()
        cupola = cupola_server(folder, f"--stores.endpoints=127.0.0.1:{grpc}", port=port)
        stack.enter_context(cupola.start()).wait_ready()
        until_found(cupola.url, ("store",))
        yield Scene(cupola.url, counter, gauge)


def objects(bucket: Path) -> str:
    config = {"type": "FILESYSTEM", "config": {"directory": str(bucket)}}
    return f"--objstore.config={json.dumps(config)}"


def make_bucket(folder: Path, program: str, series: dict[str, np.ndarray]) -> Path:
    """A bucket with one block of windows."""
    lines = [
        f"{name} {value} {BASE_S + STEP_S * k}"
        for name, values in series.items()
        for k, value in enumerate(values.tolist())
    ]
    (folder / "samples.txt").write_text("\n".join([*lines, "# EOF\n"]))
    made = ["promtool", "tsdb", "create-blocks-from", "--max-block-duration=54h", "openmetrics"]
    command = [*made, str(folder / "samples.txt"), str(folder / "blocks")]
    subprocess.run(command, check=True, capture_output=True, timeout=PATIENCE_S)
    (meta,) = (folder / "blocks").glob("*/meta.json")
    described = json.loads(meta.read_text())
    thanos = {"version": 1, "labels": {"cluster": "eu"}, "downsample": {"resolution": 0}}
    meta.write_text(json.dumps(described | {"thanos": thanos | {"source": "sidecar"}}))
    bucket = folder / "bucket"
    shutil.copytree(meta.parent, bucket / meta.parent.name)
    downsample(folder, program, bucket)
    shutil.rmtree(bucket / meta.parent.name)
    return bucket


def downsample(folder: Path, program: str, bucket: Path) -> None:
    """Have the program add the block of windows, which it would go on doing for ever."""
    flags = [objects(bucket), f"--data-dir={folder / 'work'}", "--http-address=127.0.0.1:0"]
    log = folder / "downsample.log"
    with log.open("wb") as out:
        command = [program, "tools", "bucket", "downsample", *flags]
        running = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT)
        try:
            deadline = time.monotonic() + PATIENCE_S
            while not any(is_coarse(meta) for meta in bucket.glob("*/meta.json")):
                assert time.monotonic() < deadline, log.read_text()[-3_000:]
                time.sleep(0.1)
        finally:
            running.kill()
            running.wait()


def is_coarse(meta: Path) -> bool:
    """Whether the description of a block is whole, and that of windows. It is uploaded last."""
    try:
        return bool(json.loads(meta.read_text())["thanos"]["downsample"]["resolution"] == M5_MS)
    except ValueError:
        return False


def rise(values: np.ndarray) -> float:
    steps = np.diff(values)
    return float(np.where(steps < 0, values[1:], steps).sum())


def test_functions_over_time_are_those_of_all_samples(scene: Scene) -> None:
    """At multiples of the resolution; but rises, which are estimated at the edges of windows."""
    functions = {
        "sum_over_time(temp[1h])": lambda own, _: own.sum(),
        "avg_over_time(temp[1h])": lambda own, _: own.mean(),
        "count_over_time(temp[1h])": lambda own, _: len(own),
        "min_over_time(temp[1h])": lambda own, _: own.min(),
        "max_over_time(temp[1h])": lambda own, _: own.max(),
        "increase(req_total[1h])": lambda _, own: rise(own),
    }
    for query, wanted in functions.items():
        times = {"start": BASE_S + 2 * RANGE_S, "end": BASE_S + BLOCK_S - 2 * RANGE_S}
        found = ask(
            scene.url, "query_range", query=query, step=1_800, max_source_resolution="5m", **times
        )
        (series,) = found["data"]["result"]
        assert series["metric"].get("cluster") == "eu" and "warnings" not in found
        for time_s, text in series["values"]:
            # Windows there are [begin, end), and stand at their last samples.
            end = (int(time_s) - BASE_S) // STEP_S
            rows = slice(end - RANGE_S // STEP_S, end)
            true = wanted(scene.gauge[rows], scene.counter[rows.start : rows.stop + 1])
            tolerance = 0.06 if query.startswith("increase") else 1e-9
            assert float(text) == pytest.approx(true, rel=tolerance), (query, time_s)


def test_without_a_resolution_there_is_nothing(scene: Scene) -> None:
    found = ask(scene.url, "query", query="temp", time=BASE_S + BLOCK_S // 2)
    assert found["data"]["result"] == []
