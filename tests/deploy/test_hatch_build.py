"""A wheel works without its checkout: built, installed into an empty place, written to and asked.

The libraries are those of the environment that runs the tests; everything of the program comes from
the wheel.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
import urllib.request
import zipfile
from pathlib import Path

import pytest

from compose.processes import ROOT, Server, free_ports
from storage.kernels.complete import is_complete
from storage.kernels.jit import KERNELS
from tests.makers.bodies import v1

# Of a build that fetches what it is built with, and of a first start that compiles.
LIMIT_S = 900.0
BUILT_OF = ("receiver", "storage", "api", "rules", "deploy", "pyproject.toml", "README.md")


def built(source: Path, into: Path, **environment: str) -> Path:
    """A wheel of a folder. Skips where what builds it cannot be fetched."""
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--quiet", "-w", str(into)]
    done = subprocess.run(
        [*command, str(source)],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    if done.returncode and "hatchling" in done.stderr and "No matching" in done.stderr:
        pytest.skip("hatchling cannot be fetched from here")
    assert done.returncode == 0, done.stderr
    (wheel,) = into.glob("*.whl")
    return wheel


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the wheel is built of, without anything that a checkout has beside it."""
    folder = tmp_path_factory.mktemp("source")
    ignored = shutil.ignore_patterns("__pycache__", "shipped")
    for name in (*BUILT_OF, "LICENSE"):
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name, ignore=ignored)
        else:
            shutil.copy(ROOT / name, folder)
    return folder


@pytest.fixture(scope="module")
def kernels(tmp_path_factory: pytest.TempPathFactory) -> Path | None:
    """Those that this checkout has compiled, if these are all that there are."""
    if not is_complete(KERNELS):
        return None
    folder = tmp_path_factory.mktemp("kernels")
    found = [p for p in ROOT.glob("*/**/__pycache__/*") if p.suffix in (".kernel", ".mark")]
    for path in found:
        shutil.copy(path, folder)
    return folder


@pytest.fixture(scope="module")
def wheel(source: Path, kernels: Path | None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    environment = {"CUPOLA_KERNELS": str(kernels)} if kernels else {}
    return built(source, tmp_path_factory.mktemp("wheel"), **environment)


def test_everything_of_the_packages_is_in_the_wheel(source: Path, wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    packages = ("receiver", "storage", "api", "rules")
    wanted = {
        str(path.relative_to(source))
        for package in packages
        for path in (source / package).rglob("*")
        if path.is_file() and not {"source", "__pycache__"} & set(path.parts[len(source.parts) :])
    }
    assert wanted and wanted <= names
    others = {name for name in names if not name.startswith(("cupola-", "storage/kernels/shipped"))}
    assert others == wanted


def test_a_wheel_has_the_manual_and_completion(wheel: Path) -> None:
    content = zipfile.ZipFile(wheel)
    ends = ["man1/cupola.1", "completions/cupola", "site-functions/_cupola", "cupola.fish"]
    for end in ends:
        (name,) = [name for name in content.namelist() if name.endswith(end)]
        assert b"storage.path" in content.read(name).replace(b"\\", b"")


def test_kernels_are_for_one_python_and_one_kind_of_machine(
    wheel: Path, kernels: Path | None
) -> None:
    shipped = [n for n in zipfile.ZipFile(wheel).namelist() if "/shipped/" in n]
    assert bool(shipped) == bool(kernels)
    assert wheel.name.endswith("-py3-none-any.whl") != bool(kernels)


def test_incomplete_kernels_are_not_shipped(source: Path, tmp_path: Path) -> None:
    (tmp_path / "kernels").mkdir()
    (tmp_path / "kernels" / "one.kernel").touch()
    with pytest.raises(AssertionError, match="no complete set of kernels"):
        built(source, tmp_path, CUPOLA_KERNELS=str(tmp_path / "kernels"))


def test_what_was_installed_is_written_to_and_asked(
    wheel: Path, kernels: Path | None, tmp_path: Path
) -> None:
    place = tmp_path / "installed"
    pip = [sys.executable, "-m", "pip", "install", "--no-deps", "--quiet", "--target", str(place)]
    subprocess.run([*pip, str(wheel)], check=True, timeout=LIMIT_S)
    (port,) = free_ports(0)
    server = Server(
        "cupola",
        [
            *("env", "-C", str(tmp_path), f"PYTHONPATH={place}", f"HOME={tmp_path}"),
            *(sys.executable, "-m", "receiver", "serve", f"--storage.path={tmp_path / 'data'}"),
            f"--web.listen-address=127.0.0.1:{port}",
        ],
        url=f"http://127.0.0.1:{port}",
        ready="/-/ready",
        log=tmp_path / "cupola.log",
    )
    with server.start():
        server.wait_ready()
        write(server.url)
        (row,) = json.loads(get(f"{server.url}/api/v1/query?query=installed"))["data"]["result"]
        assert row["value"][1] == "42"
        assert b"<script" in get(f"{server.url}/")
        assert server.stop(timeout_s=120) == 0
    compiled = [path for path in place.rglob("*.kernel") if path.parent.name != "shipped"]
    assert bool(compiled) != bool(kernels), "compiled what the wheel brought, or nothing at all"


def get(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=LIMIT_S) as response:
        return bytes(response.read())


def write(url: str) -> None:
    body = v1.encode([({"__name__": "installed"}, [(int(time.time() * 1000), 42.0)])])
    request = urllib.request.Request(f"{url}/api/v1/write", body, v1.HEADERS)
    with urllib.request.urlopen(request, timeout=LIMIT_S) as response:
        assert response.status == 204
