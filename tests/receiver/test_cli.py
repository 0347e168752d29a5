"""The command line, as a process."""

import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from receiver.settings.config import settings
from storage.files import segments_directory
from tests.makers.databases import opened, seal, series, write

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-m", "receiver"]
PATIENCE_S = 120


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )


def written(directory: Path, text: str) -> str:
    path = directory / "cupola.yml"
    path.write_text(text)
    return str(path)


def test_help_names_every_setting() -> None:
    done = run("serve", "--help")
    assert done.returncode == 0
    for name in settings():
        assert f"--{name} " in done.stdout or f"--{name}\n" in done.stdout


def test_version() -> None:
    done = run("--version")
    assert (done.returncode, done.stdout.split()[0]) == (0, "cupola")


@pytest.mark.parametrize(
    "arguments", [(), ("nonsense",), ("serve", "--nonsense=1"), ("check-config",), ("serve", "x")]
)
def test_wrong_arguments_exit_with_2(arguments: tuple[str, ...]) -> None:
    done = run(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert "usage: cupola" in done.stderr


@pytest.mark.parametrize(
    ("text", "code", "answer"),
    [
        ("", 0, ": ok"),
        ("storage: {retention: 30d}\nenable-feature: all", 0, ": ok"),
        ("storage: {retension: 30d}", 1, "did you mean storage.retention or "),
        ("enable-feature: [typo]", 1, "unknown feature 'typo'"),
        ("web: {listen-address: x}", 1, "web.listen-address: got 'x'"),
    ],
)
def test_check_config(tmp_path: Path, text: str, code: int, answer: str) -> None:
    done = run("check-config", written(tmp_path, text))
    assert done.returncode == code
    assert answer in (done.stderr if code else done.stdout)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("--storage.retention=x",), "storage.retention: got 'x'"),
        (("--config=missing.yml",), "missing.yml: cannot be read"),
        (("--enable-feature=typo",), "unknown feature 'typo'"),
    ],
)
def test_serve_with_a_wrong_configuration_touches_nothing(
    tmp_path: Path, arguments: tuple[str, ...], text: str
) -> None:
    data = tmp_path / "data"
    done = run("serve", f"--storage.path={data}", *arguments)
    assert (done.returncode, data.exists()) == (2, False)
    assert text in done.stderr


def test_serve_on_a_taken_address_touches_nothing(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        done = run("serve", f"--storage.path={data}", f"--web.listen-address={address}")
    assert (done.returncode, data.exists()) == (1, False)
    assert "cannot serve" in done.stderr


def test_a_data_directory_that_cannot_be_opened_exits_with_1(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    done = run("serve", f"--storage.path={blocked}", "--web.listen-address=127.0.0.1:0")
    assert done.returncode == 1
    assert "database cannot be opened" in done.stderr


@contextmanager
def serving(directory: Path) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """A running program and its port."""
    flags = [f"--storage.path={directory}", "--web.listen-address=127.0.0.1:0"]
    process = subprocess.Popen(
        [*COMMAND, "serve", *flags], cwd=ROOT, stderr=subprocess.PIPE, text=True
    )
    try:
        assert process.stderr is not None
        for line in process.stderr:
            if found := re.search(r'msg="listening" .*port=(\d+)', line):
                yield process, int(found[1])
                break
        else:
            pytest.fail("the program ended before it listened")
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate(timeout=PATIENCE_S)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_program_with_0(tmp_path: Path, number: signal.Signals) -> None:
    with serving(tmp_path / "data") as (process, port):
        with urllib.request.urlopen(
            f"http://127.0.0.1:{port}/-/healthy", timeout=PATIENCE_S
        ) as answer:
            assert answer.status == 200
        os.kill(process.pid, number)
        assert process.wait(PATIENCE_S) == 0


def test_verify(tmp_path: Path) -> None:
    with opened(tmp_path) as database:
        write(database, [series("up", [(1, 1.0)])])
        seal(database)
        (segment,) = database._shards[0].view().segments
        done = run("verify", f"--storage.path={tmp_path}")
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout == f"segments=1 bytes={segment.bytes} damaged=0 set_aside=0\n"
    path = segments_directory(tmp_path, 0) / segment.ulid / "series.parquet"
    path.write_bytes(b"noise")
    config = written(tmp_path, f"storage: {{path: {tmp_path}}}")
    done = run("verify", "--config", config)
    assert done.returncode == 1
    assert f"ulid={segment.ulid} file=series.parquet row_groups=all" in done.stdout
    done = run("verify", f"--storage.path={tmp_path / 'nothing'}")
    assert (done.returncode, done.stdout) == (1, "")
    assert "cannot read the catalog" in done.stderr
    done = run("verify", "--config", f"{tmp_path / 'none.yml'}")
    assert done.returncode == 2
