"""Real programs of Thanos for tests: started on free ports, where the program is there at all."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from compose.processes import Server, free_ports

VARIABLE = "CUPOLA_THANOS_BIN"


def thanos_program() -> str:
    """The path of the program; skips without it."""
    path = os.environ.get(VARIABLE, "")
    if not path:
        pytest.skip(f"{VARIABLE} does not say where the program thanos is")
    return path


def thanos_query(directory: Path, name: str, endpoints: Sequence[str], *flags: str) -> Server:
    """A querier of these endpoints, not started; flags are added to its command."""
    port, grpc_port = free_ports(0, 0)
    return Server(
        name,
        [
            thanos_program(),
            "query",
            f"--http-address=127.0.0.1:{port}",
            f"--grpc-address=127.0.0.1:{grpc_port}",
            "--log.level=debug",
            *(f"--endpoint={endpoint}" for endpoint in endpoints),
            *flags,
        ],
        url=f"http://127.0.0.1:{port}",
        ready="/-/ready",
        log=directory / f"{name}.log",
    )
