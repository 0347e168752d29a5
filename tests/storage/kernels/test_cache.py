"""Compiled kernels are found again by whoever may read them, and only while they fit."""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

ROOT = Path(__file__).parents[3]
# Of Linux' prctl.h and capability.h.
PR_CAPBSET_DROP = 24
CAP_DAC_OVERRIDE = 1

# A package of ours with one kernel, whose part and constant are in another module.
KERNEL = """
from api.cached import part
from storage.kernels.jit import kernel

@kernel
def total(numbers):
    "Some text."
    result = part.START
    for i in range(len(numbers)):
        result += part.twice(numbers[i])
    return result
"""
PART = """
from storage.kernels.jit import kernel_part

START = 100

@kernel_part
def twice(number):
    return 2 * number
"""
PROGRAM = """
import os, sys
sys.path.insert(0, sys.argv[1])
import numpy as np
from storage.kernels.cache import OWN_ONLY
if "CUPOLA_TEST_OWN_ONLY" in os.environ:
    OWN_ONLY.set()
from api.cached.total import total
result = total(np.arange(4))
print(result, "loaded" if sum(total.stats.cache_hits.values()) else "compiled")
"""


@pytest.fixture
def packages() -> Iterator[Path]:
    """A copy of what a kernel needs, and of nothing else, that every user may read."""
    with TemporaryDirectory() as directory:
        place = Path(directory)
        place.chmod(0o755)
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / "storage" / "kernels", place / "storage" / "kernels", ignore=ignored)
        (place / "api" / "cached").mkdir(parents=True)
        for folder in ("storage", "api", "api/cached"):
            (place / folder / "__init__.py").touch()
        (place / "api" / "cached" / "total.py").write_text(KERNEL)
        (place / "api" / "cached" / "part.py").write_text(PART)
        yield place
        set_writable(place, True)


def set_writable(place: Path, writable: bool) -> None:
    for path in (place, *place.rglob("*")):
        if path.is_dir():
            path.chmod(0o755 if writable else 0o555)


def obey_permissions() -> None:
    """Let the program that is started obey the modes of files, also where root starts it."""
    ctypes.CDLL(None).prctl(PR_CAPBSET_DROP, CAP_DAC_OVERRIDE, 0, 0, 0)


def run(packages: Path, home: Path | str, *, program: str = PROGRAM, **more: str) -> list[str]:
    """What the program prints: its result, and how the kernel came about."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(home)} | more
    done = subprocess.run(
        [sys.executable, "-B", "-c", program, str(packages)],
        cwd="/",
        env=environment,
        preexec_fn=obey_permissions,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def kernels(directory: Path) -> int:
    return len(list(directory.rglob("*.kernel")))


def test_a_kernel_is_compiled_once(packages: Path, tmp_path: Path) -> None:
    assert run(packages, tmp_path) == ["112", "compiled"]
    assert run(packages, tmp_path) == ["112", "loaded"]
    assert kernels(packages / "api" / "cached" / "__pycache__") == 2
    assert kernels(tmp_path) == 0


def test_what_compiling_needs_is_not_loaded_with_a_kernel(packages: Path, tmp_path: Path) -> None:
    program = f'{PROGRAM}print("numba.np.arrayobj" in sys.modules)'
    assert run(packages, tmp_path, program=program) == ["112", "compiled", "True"]
    assert run(packages, tmp_path, program=program) == ["112", "loaded", "False"]


def test_what_the_installation_compiled_serves_every_user(packages: Path) -> None:
    run(packages, "/proc/nowhere")
    set_writable(packages, False)
    assert run(packages, "/proc/nowhere") == ["112", "loaded"]


def test_the_user_keeps_what_the_installation_lacks(packages: Path) -> None:
    set_writable(packages, False)
    with TemporaryDirectory() as home:
        assert run(packages, home) == ["112", "compiled"]
        assert run(packages, home) == ["112", "loaded"]
        assert kernels(Path(home) / ".cache" / "cupola") == 2
        own = {"XDG_CACHE_HOME": f"{home}/own"}
        assert run(packages, "/proc/nowhere", **own) == ["112", "compiled"]
        assert run(packages, "/proc/nowhere", **own) == ["112", "loaded"]
    assert kernels(packages) == 0


def test_nothing_that_can_be_written_fails_no_call(packages: Path) -> None:
    set_writable(packages, False)
    for _ in range(2):
        assert run(packages, "/proc/nowhere") == ["112", "compiled"]
    assert run(packages, "relative") == ["112", "compiled"]
    assert kernels(packages) == 0


def test_numba_s_own_setting_names_another_place(packages: Path, tmp_path: Path) -> None:
    own = {"NUMBA_CACHE_DIR": str(tmp_path)}
    assert run(packages, "/proc/nowhere", **own) == ["112", "compiled"]
    assert run(packages, "/proc/nowhere", **own) == ["112", "loaded"]
    assert (kernels(packages), kernels(tmp_path)) == (0, 2)


def test_a_kernel_for_any_processor_will_do(packages: Path, tmp_path: Path) -> None:
    assert run(packages, tmp_path, NUMBA_CPU_NAME="generic") == ["112", "compiled"]
    assert run(packages, tmp_path) == ["112", "loaded"]
    own_only = {"CUPOLA_TEST_OWN_ONLY": "1"}
    assert run(packages, tmp_path, **own_only) == ["112", "compiled"]
    assert run(packages, tmp_path, **own_only) == ["112", "loaded"]


def test_kernels_that_a_package_brought_are_found(packages: Path) -> None:
    """Their names say of which function they are, so they lie together."""
    run(packages, "/proc/nowhere")
    shipped = packages / "storage" / "kernels" / "shipped"
    shipped.mkdir()
    for path in list((packages / "api" / "cached" / "__pycache__").glob("*.kernel")):
        path.rename(shipped / path.name)
    assert run(packages, "/proc/nowhere") == ["112", "loaded"]


@pytest.mark.parametrize(
    ("file", "old", "new", "result"),
    [
        ("total.py", "range(len(numbers))", "range(1, len(numbers))", ["112", "compiled"]),
        ("part.py", "2 * number", "3 * number", ["118", "compiled"]),
        ("part.py", "100", "200", ["212", "compiled"]),
        ("part.py", "@kernel_part", "# Say why.\n\n@kernel_part", ["112", "loaded"]),
        ("total.py", "Some text.", "Another text.", ["112", "loaded"]),
    ],
)
def test_a_kernel_is_compiled_again_when_something_in_it_changed(
    packages: Path, tmp_path: Path, file: str, old: str, new: str, result: list[str]
) -> None:
    run(packages, tmp_path)
    path = packages / "api" / "cached" / file
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    assert run(packages, tmp_path) == result
    assert run(packages, tmp_path) == [result[0], "loaded"]
    assert kernels(packages) == 2, "what is stale is removed"


def test_a_damaged_file_is_compiled_again(packages: Path, tmp_path: Path) -> None:
    run(packages, tmp_path)
    for path in packages.rglob("*.kernel"):
        path.write_bytes(path.read_bytes()[:100])
    assert run(packages, tmp_path) == ["112", "compiled"]
    assert run(packages, tmp_path) == ["112", "loaded"]
