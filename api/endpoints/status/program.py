"""The endpoints about the program: its configuration, its settings, its run time and its start."""

import os
import socket
import threading
from collections.abc import Callable
from typing import Any

from api.answers.encoding import encode_data
from api.endpoints.handler import Call
from api.endpoints.status.self_metrics import SelfMetricsHandlers
from api.sources.program import Program
from api.times import rfc3339


class ProgramHandlers:
    """The endpoints over one program. now_ms: the clock."""

    def __init__(self, program: Program, *, now_ms: Callable[[], int]) -> None:
        self._program = program
        self._now_ms = now_ms
        self._directory = os.getcwd()
        self.self_metrics = SelfMetricsHandlers(program.metrics).self_metrics

    def config(self, call: Call) -> bytes:
        """The effective configuration."""
        return encode_data({"yaml": self._program.document})

    def flags(self, call: Call) -> bytes:
        """All settings as texts."""
        return encode_data(dict(self._program.settings))

    def runtime_info(self, call: Call) -> bytes:
        return encode_data(self._runtime())

    def wal_replay(self, call: Call) -> bytes:
        replay = self._program.replay()
        data = {"min": replay.least, "max": replay.most, "current": replay.current}
        return encode_data(data)

    def _runtime(self) -> dict[str, Any]:
        """By Prometheus' names: goroutines are threads here, and Go's own variables are not set."""
        program, reloaded = self._program, self._program.reloaded()
        return {
            "startTime": rfc3339(program.started_ms),
            "CWD": self._directory,
            "hostname": socket.gethostname(),
            "serverTime": rfc3339(self._now_ms()),
            "reloadConfigSuccess": reloaded.successful,
            "lastConfigTime": rfc3339(reloaded.time_ms),
            "corruptionCount": 0,
            "goroutineCount": threading.active_count(),
            "GOMAXPROCS": os.cpu_count() or 1,
            "GOMEMLIMIT": 0,
            "GOGC": "",
            "GODEBUG": "",
            "storageRetention": program.retention,
        }
