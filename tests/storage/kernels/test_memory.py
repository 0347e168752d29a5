"""What is reserved and what is kept of freed memory."""

import ctypes
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from storage.kernels.memory import reserve

# Arrays of 2 MiB made and dropped, and how often the kernel had to give a page for them: the least
# of several times, as a busy kernel also takes pages away by itself for a moment.
FAULTS = """
import resource, sys
import numpy as np
from storage.kernels.memory import keep_freed_memory

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(20):
        first, second = np.ones(1 << 18), np.ones(1 << 18)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

if "keep" in sys.argv:
    keep_freed_memory()
faults()
sys.stdout.write(str(min(faults() for _ in range(10))))
"""


def test_a_reserved_array_is_zeroed_and_writable() -> None:
    array = reserve((3, 4), np.int32)
    assert array.shape == (3, 4)
    assert not array.any()
    array[1, 2] = 7
    assert array.sum() == 7


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallopt"), reason="no mallopt here")
def test_freed_arrays_are_used_again() -> None:
    pages = 20 * 2 * (2 << 20) // 4096
    assert least_faults("keep") < pages // 10
    assert least_faults() > pages // 10, "they are used again anyway: there is nothing to keep"


def least_faults(*arguments: str) -> int:
    command = [sys.executable, "-c", FAULTS, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return int(done.stdout)


# A page of a file that is mapped twice: as it is in the file, and changed before it was protected.
FORGET = """
import ctypes, mmap, os, sys
from pathlib import Path
from storage.kernels.memory import forget_file_pages

libc = ctypes.CDLL(None)
file = os.open(sys.argv[1], os.O_RDONLY)
rights = mmap.PROT_READ | mmap.PROT_WRITE
plain, changed = (mmap.mmap(file, 1 << 20, mmap.MAP_PRIVATE, rights) for _ in range(2))

def start(region):
    return ctypes.addressof(ctypes.c_char.from_buffer(region))

def resident(region):
    lines = Path("/proc/self/smaps").read_text().split(f"{start(region):x}-")[1].splitlines()
    return int(next(line for line in lines if line.startswith("Rss:")).split()[1])

changed[5000:5003] = b"new"
sums = []
for region in (plain, changed):
    sums.append(sum(region[:]))
    assert libc.mprotect(ctypes.c_void_p(start(region)), 1 << 20, mmap.PROT_READ) == 0
assert resident(plain) == resident(changed) == 1024
assert forget_file_pages() >= 1 << 20
sys.stdout.write(f"{resident(plain)} {resident(changed)} ")
assert [sum(region[:]) for region in (plain, changed)] == sums
assert changed[5000:5003] == b"new"
import json  # files that were forgotten are found again
sys.stdout.write(json.dumps(resident(plain)))
"""


@pytest.mark.skipif(not Path("/proc/self/smaps").exists(), reason="no smaps here")
def test_pages_that_are_those_of_a_file_are_forgotten(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(bytes(range(256)) * 4096)
    done = subprocess.run(
        [sys.executable, "-c", FORGET, str(file)], capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.stderr) == ("0 1024 1024", "")
