"""A bucket as Thanos leaves it: blocks that promtool made of a pair, compacted and downsampled."""

from __future__ import annotations

import json
import math
import random
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from compose.processes import Server, free_ports
from tests.agents.thanos.programs import thanos_program

DAY_S, STEP_S = 86_400, 60
# Two windows of two days, in which compactors make blocks that are downsampled.
END_S = 1_780_000_000 // (2 * DAY_S) * (2 * DAY_S)
START_S = END_S - 4 * DAY_S
PODS, LAGS_S = 3, {"a": 0, "b": 7}


@dataclass(frozen=True)
class Bucket:
    """A directory, and the file that names it."""

    directory: Path
    file: Path

    def metas(self) -> list[dict[str, object]]:
        paths = sorted(self.directory.glob("*/meta.json"))
        return [json.loads(path.read_text()) for path in paths]


def promtool() -> str:
    """The path of the program; skips without it."""
    path = shutil.which("promtool")
    if path is None:
        pytest.skip("promtool is not installed")
    return path


def empty_bucket(root: Path) -> Bucket:
    directory, file = root / "bucket", root / "bucket.yml"
    directory.mkdir(parents=True)
    file.write_text(f"type: FILESYSTEM\nconfig: {{directory: {directory}}}\n")
    return Bucket(directory, file)


def open_metrics(lag_s: int) -> str:
    """A counter that is reset now and then, and a gauge, of some pods."""
    counters, gauges = ["# TYPE requests counter"], ["# TYPE temperature gauge"]
    for pod in range(PODS):
        choose, total = random.Random(pod), 0.0
        for time_s in range(START_S + 1, END_S, STEP_S):
            total = total + choose.randrange(10) if choose.random() > 0.001 else 2.0
            wave = round(20 + 5 * math.sin(time_s / 9_000 + pod), 3)
            counters.append(f'requests_total{{pod="p{pod}"}} {total} {time_s + lag_s}')
            gauges.append(f'temperature{{pod="p{pod}"}} {wave} {time_s + lag_s}')
    return "\n".join([*counters, *gauges, "# EOF\n"])


def fill(bucket: Bucket, root: Path) -> None:
    """Blocks of two hours of each replica, as sidecars upload them."""
    for replica, lag_s in LAGS_S.items():
        text, blocks = root / f"{replica}.om", root / replica
        text.write_text(open_metrics(lag_s))
        command = [promtool(), "tsdb", "create-blocks-from", "openmetrics", str(text), str(blocks)]
        subprocess.run(command, check=True, capture_output=True)
        for path in sorted(blocks.glob("*/meta.json")):
            meta = json.loads(path.read_text())
            labels = {"cluster": "eu", "replica": replica}
            meta["thanos"] = {
                "version": 1, "labels": labels, "downsample": {"resolution": 0},
                "source": "sidecar",
            }  # fmt: skip
            path.write_text(json.dumps(meta))
            shutil.move(path.parent, bucket.directory / path.parent.name)


def compact(bucket: Bucket, root: Path) -> None:
    """What Thanos' compactor makes of it in one run: larger blocks, and blocks of five minutes."""
    (port,) = free_ports(0)
    command = [
        thanos_program(), "compact", f"--data-dir={root / 'compact'}",
        f"--objstore.config-file={bucket.file}", "--consistency-delay=0s",
        f"--http-address=127.0.0.1:{port}",
    ]  # fmt: skip
    subprocess.run(command, check=True, capture_output=True, timeout=300)


def thanos_store(directory: Path, bucket: Bucket, *flags: str) -> tuple[Server, str]:
    """A store gateway, not started, and the address where it serves the StoreAPI."""
    port, grpc_port = free_ports(0, 0)
    address = f"127.0.0.1:{grpc_port}"
    command = [
        thanos_program(), "store", f"--data-dir={directory / 'store'}",
        f"--objstore.config-file={bucket.file}", f"--http-address=127.0.0.1:{port}",
        f"--grpc-address={address}", *flags,
    ]  # fmt: skip
    log = directory / "store.log"
    url = f"http://127.0.0.1:{port}"
    return Server("store", command, url=url, ready="/-/ready", log=log), address
