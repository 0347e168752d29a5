"""What is reserved and what is kept of freed memory."""

import ctypes
import subprocess
import sys

import numpy as np
import pytest

from storage.kernels.memory import reserve

# Arrays of 2 MiB made and dropped, and how often the kernel had to give a page for them.
FAULTS = """
import resource, sys
import numpy as np
from storage.kernels.memory import keep_freed_memory

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(20):
        first, second = np.ones(1 << 18), np.ones(1 << 18)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

keep_freed_memory()
faults()
sys.stdout.write(str(faults()))
"""


def test_a_reserved_array_is_zeroed_and_writable() -> None:
    array = reserve((3, 4), np.int32)
    assert array.shape == (3, 4)
    assert not array.any()
    array[1, 2] = 7
    assert array.sum() == 7


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallopt"), reason="no mallopt here")
def test_freed_arrays_are_used_again() -> None:
    done = subprocess.run(
        [sys.executable, "-c", FAULTS], capture_output=True, text=True, check=True
    )
    pages = 20 * 2 * (2 << 20) // 4096
    assert int(done.stdout) < pages // 10
