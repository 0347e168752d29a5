"""The page is built again from its source, and what is committed is what comes out."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PAGE = Path(__file__).resolve().parents[3] / "api" / "page"
# Where `make page-tools` puts them.
TOOLS = Path(__file__).resolve().parents[3] / ".venv" / "page" / "node_modules"
NODE_MIN = 20
BUILD_TIMEOUT_S = 600


def node_version() -> int:
    """The major version, 0 where there is none."""
    node = shutil.which("node")
    if node is None:
        return 0
    text = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout
    return int(text.strip().removeprefix("v").partition(".")[0] or 0)


needs_node = pytest.mark.skipif(
    node_version() < NODE_MIN or not (TOOLS / "vite").exists(),
    reason=f"Node {NODE_MIN} with what the page is built with is needed: `make page-tools`",
)


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The source with its tools beside it."""
    place = tmp_path_factory.mktemp("page") / "source"
    shutil.copytree(PAGE / "source", place)
    (place / "node_modules").symlink_to(TOOLS)
    return place


def run(place: Path, script: str) -> None:
    command = [shutil.which("npm") or "npm", "run", "--silent", script]
    done = subprocess.run(
        command, cwd=place, capture_output=True, text=True, timeout=BUILD_TIMEOUT_S, check=False
    )
    sys.stdout.write(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr


def contents(place: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(place)): path.read_bytes()
        for path in sorted(place.rglob("*"))
        if path.is_file()
    }


@needs_node
def test_a_build_gives_what_is_committed(copy: Path) -> None:
    run(copy, "build")
    again, committed = contents(copy / "built"), contents(PAGE / "built")
    assert list(again) == list(committed), "run `make page` and commit api/page/built"
    different = [name for name in again if again[name] != committed[name]]
    assert different == [], "run `make page` and commit api/page/built"


@needs_node
def test_the_units_of_the_page(copy: Path) -> None:
    run(copy, "test")


def test_the_lock_file_names_no_registry() -> None:
    text = (PAGE / "source" / "package-lock.json").read_text()
    assert '"resolved"' not in text and "registry" not in text
