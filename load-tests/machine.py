"""The machine and the versions a report is about."""

import importlib.metadata
import os
import platform
import re
import subprocess
import tomllib
from collections.abc import Sequence
from pathlib import Path

from servers import CHECKOUT, Program

LIBRARIES = ("numpy", "numba", "duckdb", "pyarrow", "aiohttp", "uvloop")
VERSION = re.compile(r"\d+\.\d+[\w.+]*")


def machine_facts(work: Path, programs: Sequence[Program]) -> list[str]:
    """One Markdown list item per fact."""
    memory_bytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    load = ", ".join(f"{value:.2f}" for value in os.getloadavg())
    libraries = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in LIBRARIES)
    return [
        f"- {os.cpu_count()} cores of {cpu_model()}, {memory_bytes / 2**30:.0f} GiB memory, "
        f"{platform.system()} {kernel_version()}, data on {file_system(work)}; "
        f"load average before the run {load}",
        f"- {', '.join(f'{program.title} {version(program)}' for program in programs)}",
        f"- Python {platform.python_version()}, {libraries}",
        "",
    ]


def kernel_version() -> str:
    return ".".join(platform.release().split(".")[:2])


def cpu_model() -> str:
    found = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return found.group(1) if found else platform.processor() or platform.machine()


def file_system(path: Path) -> str:
    """The type of the file system that holds a path: that of its longest mount point."""
    best, kind = "", "an unknown file system"
    for line in Path("/proc/mounts").read_text().splitlines():
        _, mount, file_system_type, *_ = line.split()
        if len(mount) > len(best) and path.resolve().is_relative_to(mount):
            best, kind = mount, file_system_type
    return kind


def version(program: Program) -> str:
    """What the program says its version is, shortened to the number."""
    if program.name == "cupola":
        project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]
        return str(project["version"])
    answer = subprocess.run(
        [*program.command, "--version"], capture_output=True, text=True, timeout=60, check=False
    )
    text = answer.stdout + answer.stderr
    found = VERSION.search(text)
    return found.group(0) if found else debian_version(program)


def debian_version(program: Program) -> str:
    """The version of the Debian package, for a program that does not know its own."""
    answer = subprocess.run(
        ["dpkg-query", "--show", "--showformat=${Version}", program.name],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return answer.stdout.strip() or "of unknown version"
