"""Processor time as the kernel counts it: of one process, and of the whole machine.

Their difference is what the machine did besides the benchmark, which shows whether a run is worth
anything.
"""

import os
from pathlib import Path

TICKS_PER_S = os.sysconf("SC_CLK_TCK")
# Positions in the first line of /proc/stat: user, nice, system, irq, softirq and steal, which is
# what a hypervisor gave to other machines.
BUSY_FIELDS = (1, 2, 3, 6, 7, 8)


def process_cpu_s(pid: int) -> float:
    """Processor seconds a process has used, user and system, all threads."""
    text = Path(f"/proc/{pid}/stat").read_text()
    fields = text.rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_PER_S


def family_of(pid: int) -> list[int]:
    """A process, and those that it has started."""
    found = [pid]
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:  # it has ended
            continue
        if int(fields[1]) == pid:
            found.append(int(path.parent.name))
    return found


def machine_busy_s() -> float:
    """Processor seconds that all cores together were not idle since the machine started."""
    fields = Path("/proc/stat").read_text().partition("\n")[0].split()
    return sum(int(fields[i]) for i in BUSY_FIELDS) / TICKS_PER_S


def others_share(busy_s: float, ours_s: float, wall_s: float) -> float:
    """The share of all cores that went to anything but us while wall_s passed."""
    return max(0.0, busy_s - ours_s) / (wall_s * (os.cpu_count() or 1))
