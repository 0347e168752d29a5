"""Buckets for tests: of an S3 server on loopback, and of a directory."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from prometheus_client import CollectorRegistry

from storage.objects.config import parse_config
from storage.objects.metrics import ObjectMetrics
from storage.objects.options import ObjectOptions
from storage.objects.store import ObjectStore, open_store

BUCKET = "metrics"
START_SECONDS = 60


@contextmanager
def s3_server(directory: Path) -> Iterator[str]:
    """A server with the bucket `metrics`: its address. Versitygw where that is installed."""
    (port,) = free_ports(1)
    command, environment = server_command(directory, port)
    with open(directory / "s3.log", "wb") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
    try:
        wait_for(port, process)
        if not shutil.which("versitygw"):
            request = urllib.request.Request(f"http://127.0.0.1:{port}/{BUCKET}", method="PUT")
            urllib.request.urlopen(request, timeout=START_SECONDS).close()
        yield f"127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


def server_command(directory: Path, port: int) -> tuple[list[str], dict[str, str]]:
    path = shutil.which("versitygw")
    if path is None:
        moto = str(Path(sys.executable).with_name("moto_server"))
        return [moto, "-H", "127.0.0.1", "-p", str(port)], {}
    data, side = directory / "objects", directory / "attributes"
    (data / BUCKET).mkdir(parents=True)
    side.mkdir()
    keys = {"ROOT_ACCESS_KEY": "test", "ROOT_SECRET_KEY": "test-secret"}
    return [path, "--port", f"127.0.0.1:{port}", "posix", "--sidecar", str(side), str(data)], keys


def free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        assert process.poll() is None, "the S3 server has ended"
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.05)
    raise AssertionError("the S3 server does not listen")


def s3_text(address: str, prefix: str = "") -> str:
    """An objstore.yml of a server."""
    return (
        f"type: S3\nconfig: {{bucket: {BUCKET}, endpoint: '{address}', insecure: true, "
        "region: us-east-1, access_key: test, secret_key: test-secret}\n"
        f"prefix: '{prefix}'\n"
    )


def store_of(address: str, options: ObjectOptions | None = None, prefix: str = "") -> ObjectStore:
    """Options: two seconds a request by default, for proxies that let them wait."""
    options = options or ObjectOptions(request_timeout_ms=2_000)
    config = parse_config(s3_text(address, prefix), "test")
    return open_store(config, options, ObjectMetrics(CollectorRegistry()))


def directory_text(directory: Path, prefix: str = "") -> str:
    return f"type: FILESYSTEM\nconfig: {{directory: '{directory}'}}\nprefix: '{prefix}'\n"


def directory_store(directory: Path, prefix: str = "") -> ObjectStore:
    config = parse_config(directory_text(directory, prefix), "test")
    return open_store(config, ObjectOptions(), ObjectMetrics(CollectorRegistry()))
