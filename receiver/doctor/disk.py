"""What is under the data directory: room, speed, and a file system that will do."""

import os
import statistics
import tempfile
import time
from pathlib import Path

from receiver.doctor.findings import Finding, failure, ok, warning

FREE_MIN, FREE_SHARE_MIN = 5 << 30, 0.1
INODES_SHARE_MIN = 0.05
# A write waits for one sync: above this it is felt.
SYNC_MAX_S = 0.025
SYNCS = 9
BLOCK = bytes(4096)
# Locks and shared memory of SQLite do not hold across machines.
REMOTE_KINDS = {"nfs", "nfs4", "cifs", "smb3", "smbfs", "fuse.sshfs", "9p", "ceph", "glusterfs"}
FLEETING_KINDS = {"tmpfs", "ramfs", "overlay"}


def examined(data: Path) -> list[Finding]:
    """All that there is to say of the disk under a data directory, which need not exist yet."""
    place = data
    while not place.exists():
        place = place.parent
    found = [file_system(place), *room(place)]
    if not os.access(place, os.W_OK | os.X_OK):
        advice = f"let this user write to it: chown {os.getuid()} {place}"
        return [*found, failure("data directory", f"{place} cannot be written to", advice)]
    return [*found, syncs(place)]


def file_system(place: Path, mounts: str | None = None) -> Finding:
    """What kind it is of."""
    kind = kind_of(place, Path("/proc/self/mounts").read_text() if mounts is None else mounts)
    if kind in REMOTE_KINDS:
        advice = "use a local disk or a block volume: the catalog is SQLite, and locks have to hold"
        return failure("file system", f"{place} is on {kind}", advice)
    if kind in FLEETING_KINDS:
        advice = "mount a volume there: what is on it now is gone with the machine or the container"
        return warning("file system", f"{place} is on {kind}", advice)
    return ok("file system", f"{place} is on {kind}")


def kind_of(place: Path, mounts: str) -> str:
    """The kind of the file system with the longest name that the place is under."""
    found = {}
    for line in mounts.splitlines():
        _, target, kind, *_ = line.split(" ")
        target = target.replace("\\040", " ")
        if place.resolve().is_relative_to(target):
            found[len(target)] = kind
    return found[max(found)] if found else "unknown"


def room(place: Path) -> list[Finding]:
    """Bytes and files that are left."""
    about = os.statvfs(place)
    return [
        bytes_left(about.f_bavail * about.f_frsize, about.f_blocks * about.f_frsize),
        *files_left(about.f_favail, about.f_files),
    ]


def bytes_left(free: int, size: int) -> Finding:
    text = f"{free / (1 << 30):.1f} of {size / (1 << 30):.1f} GiB are free"
    if free < min(FREE_MIN, FREE_SHARE_MIN * size):
        advice = "make room, or set storage.retention or storage.retention-size"
        return failure("disk space", text, advice)
    if free < FREE_SHARE_MIN * size:
        return warning("disk space", text, "plan for more, or set storage.retention-size")
    return ok("disk space", text)


def files_left(free: int, count: int) -> list[Finding]:
    if count == 0 or free >= INODES_SHARE_MIN * count:
        return []
    advice = "delete files: each segment is a handful of them"
    return [warning("disk space", f"{free} of {count} files can still be made", advice)]


def syncs(place: Path) -> Finding:
    """How long it takes until 4 KiB are on the disk; the median of a few."""
    seconds = []
    with tempfile.TemporaryFile(dir=place) as file:
        for _ in range(SYNCS):
            started = time.perf_counter()
            file.write(BLOCK)
            file.flush()
            os.fdatasync(file.fileno())
            seconds.append(time.perf_counter() - started)
    return sync_time(statistics.median(seconds))


def sync_time(seconds: float) -> Finding:
    text = f"{seconds * 1000:.1f} ms until 4 KiB are on it"
    if seconds > SYNC_MAX_S:
        advice = (
            "each write waits for one: use a disk that syncs faster, or senders with more shards"
        )
        return warning("disk speed", text, advice)
    return ok("disk speed", text)
