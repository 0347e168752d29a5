"""The machine and the versions a report is about."""

import importlib.metadata
import os
import platform
import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from servers import CHECKOUT, Program

LIBRARIES = ("numpy", "numba", "duckdb", "pyarrow", "aiohttp", "uvloop")
# Dates and numbers of builds around it are no part of it: victoria-metrics-2026-tags-v1.150.0-0-ga
VERSION = re.compile(r"\d+\.\d+[\w.+~]*(?:-(?:rc|alpha|beta|enterprise|cluster)[\w.]*)*")


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
    """What the very program that is measured says its version is; of Cupola, its commit, too."""
    answer = subprocess.run(
        [*program.command, "--version"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=CHECKOUT,
    )
    own = version_in(answer.stdout) or version_in(answer.stderr) or package_version(program)
    return f"{own} ({commit()})" if program.name == "cupola" else own


def version_in(text: str) -> str:
    """The version in the first line of a program's answer, or the line if it has none."""
    line = text.strip().partition("\n")[0]
    found = VERSION.search(line)
    return found[0] if found else line


def package_version(program: Program) -> str:
    """The version of the Debian package that has this file, for a program that does not know."""
    path = os.path.realpath(shutil.which(program.command[0]) or program.command[0])
    owner = first_line("dpkg-query", "--search", path).partition(":")[0]
    version = owner and first_line("dpkg-query", "--show", "--showformat=${Version}", owner)
    return version or "of unknown version"


def commit() -> str:
    """The commit of the checkout, marked where files were changed since."""
    return first_line("git", "describe", "--always", "--dirty") or "of unknown commit"


def first_line(*command: str) -> str:
    """What a command prints, "" if it fails or is not there."""
    try:
        answer = subprocess.run(
            command, capture_output=True, text=True, timeout=60, check=False, cwd=CHECKOUT
        )
    except OSError:
        return ""
    return answer.stdout.strip().partition("\n")[0] if answer.returncode == 0 else ""
