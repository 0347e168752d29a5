"""A full disk: writes are put off, reads go on, and with space again all goes on by itself."""

from __future__ import annotations

import resource
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from compose.processes import Server, free_ports
from compose.scene import Client, cupola_server
from tests.makers.bodies.v1 import HEADERS, encode
from tests.makers.stored_samples import stored, value_bits

SERIES = 200
TMPFS_BYTES = 24 << 20
WRITES_MAX = 500


class Space:
    """A disk under the data directory that can be filled and freed again."""

    def __init__(self, fill: Callable[[Server], None], free: Callable[[Server], None]) -> None:
        self.fill = fill
        self.free = free


@contextmanager
def small_disk(directory: Path) -> Iterator[Space]:
    """A file system in memory, filled by a file beside the data."""
    ballast = directory / "ballast"
    command = ["mount", "-t", "tmpfs", "-o", f"size={TMPFS_BYTES}", "none", str(directory)]
    if shutil.which("mount") is None or subprocess.run(command, capture_output=True).returncode:
        pytest.skip("no small file system: mounting a tmpfs needs rights that are not there")

    def fill(_server: Server) -> None:
        with ballast.open("wb", buffering=0) as file:
            size = 1 << 20
            while size:
                try:
                    file.write(bytes(size))
                except OSError:
                    size //= 2

    try:
        yield Space(fill, lambda _server: ballast.unlink())
    finally:
        subprocess.run(["umount", "--lazy", str(directory)], check=True)


@contextmanager
def small_files(directory: Path) -> Iterator[Space]:
    """A bound of what the process may write into a file, a little above what its log has."""

    def fill(server: Server) -> None:
        largest = max(path.stat().st_size for path in directory.glob("**/*") if path.is_file())
        _, hard = resource.prlimit(server.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (largest + 10, hard))

    def free(server: Server) -> None:
        _, hard = resource.prlimit(server.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (hard, hard))

    yield Space(fill, free)


class Writer:
    """Writes consecutive numbers as several tenants, and remembers which were acknowledged.

    Number n is the sample (start + n ms, value n) of every series.
    """

    def __init__(self, server: Server) -> None:
        self._server = server
        self._start_ms = time.time_ns() // 1_000_000 - 600_000
        self._sent = 0
        self._acked: dict[str, list[int]] = {}

    def write(self, tenant: str) -> int:
        """Write the next number; the status of the answer."""
        number = self._sent
        self._sent += 1
        sample = [(self._start_ms + number, float(number))]
        body = encode([({"__name__": "n", "series": str(k)}, sample) for k in range(SERIES)])
        headers = HEADERS | {"X-Scope-OrgID": tenant}
        request = urllib.request.Request(f"{self._server.url}/api/v1/write", body, headers)
        try:
            with urllib.request.urlopen(request, timeout=30) as response:
                status = int(response.status)
        except urllib.error.HTTPError as error:
            with error:
                status = error.code
                assert "Retry-After" in error.headers, error.read()
        if status == 204:
            self._acked.setdefault(tenant, []).append(number)
        return status

    def write_until_put_off(self, tenant: str) -> None:
        """Write until the answer is 503, which has to come soon."""
        for _ in range(WRITES_MAX):
            status = self.write(tenant)
            if status == 503:
                return
            assert status == 204
        raise AssertionError(f"{WRITES_MAX} writes were taken by a full disk")

    def check(self) -> None:
        """Every acknowledged number is stored once, and no other one."""
        for tenant, numbers in self._acked.items():
            kept = stored(Client(self._server.url, tenant), "n", window="1h")
            points = [(self._start_ms + n, value_bits(float(n))) for n in numbers]
            assert len(kept) == SERIES
            assert all(found == points for found in kept.values())


@pytest.mark.parametrize("make_space", [small_disk, small_files])
def test_writes_are_put_off_and_go_on_with_space_again(
    tmp_path: Path, make_space: Callable[[Path], AbstractContextManager[Space]]
) -> None:
    (port,) = free_ports(0)
    server = cupola_server(tmp_path, "--storage.shards=1", port=port)
    data = tmp_path / "data"
    data.mkdir()
    with make_space(data) as space, server.start():
        server.wait_ready()
        writer = Writer(server)
        assert writer.write("known") == 204
        space.fill(server)
        writer.write_until_put_off("known")
        writer.write_until_put_off("new")
        writer.check()
        space.free(server)
        assert writer.write("known") == 204
        assert writer.write("new") == 204
        writer.check()
        assert server.stop() == 0, server.log_tail()
        server.start().wait_ready()
        writer.check()
        assert server.stop() == 0
