"""The form of the program's log: one line for each message, as logfmt or JSON, on standard error.

By the custom of the house a message is a constant phrase followed by key=value pairs; in logfmt the
phrase becomes msg="..." and the pairs stay as they are.
"""

import json
import logging
import re
import time

from storage.traces import TRACE

_PAIRS = re.compile(r"(?P<phrase>.*?)(?P<pairs>(?: [a-z_]+=.*)?)", re.DOTALL)
_CONTROL = re.compile(r"[\x00-\x1f\x7f\x85\u2028\u2029]")


class LogfmtFormatter(logging.Formatter):
    """ts=... level=... logger=... msg="..." key=value

    process: the number of the process among those of a server, None where there is one only.
    """

    def __init__(self, process: int | None = None) -> None:
        super().__init__()
        self._process = "" if process is None else f" process={process}"

    def format(self, record: logging.LogRecord) -> str:
        match = _PAIRS.fullmatch(record.getMessage())
        assert match is not None, "BUG: the pattern matches every text"
        line = (
            f"ts={timestamp(record)} level={record.levelname.lower()} logger={record.name}"
            f"{self._process}{trace_field()} msg={json.dumps(match['phrase'])}{match['pairs']}"
        )
        if record.exc_info:
            line += f" exception={json.dumps(self.formatException(record.exc_info))}"
        return _CONTROL.sub(escape, line)


class JsonFormatter(logging.Formatter):
    """The same as an object: ts, level, logger, process, trace_id, msg, exception."""

    def __init__(self, process: int | None = None) -> None:
        super().__init__()
        self._process = {} if process is None else {"process": process}

    def format(self, record: logging.LogRecord) -> str:
        entry = {
            "ts": timestamp(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            **self._process,
            **({"trace_id": TRACE.get().id} if TRACE.get().id else {}),
            "msg": record.getMessage(),
        }
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        return json.dumps(entry)


def trace_field() -> str:
    """The trace of the request that a message is about, as a field; empty where there is none."""
    trace = TRACE.get()
    return f" trace_id={trace.id}" if trace.id else ""


def timestamp(record: logging.LogRecord) -> str:
    """UTC, with milliseconds."""
    seconds = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
    return f"{seconds}.{int(record.msecs):03d}Z"


def escape(match: re.Match[str]) -> str:
    """A control character as an escape: no message can begin a line of its own."""
    return ascii(match[0])[1:-1]


def is_own_fault(record: logging.LogRecord) -> bool:
    """Whether a record of aiohttp's server reports more than bytes that are no HTTP.

    It logs each of those with a stack, and anybody who reaches the port can send them without end.
    """
    error = record.exc_info[1] if record.exc_info else None
    return type(error).__module__ != "aiohttp.http_exceptions"


def set_up_logging(level: str, form: str, *, process: int | None = None) -> None:
    """Send all messages from `level` on to standard error. process: the number of this one among
    those of a server."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonFormatter(process) if form == "json" else LogfmtFormatter(process))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    logging.getLogger("aiohttp.server").addFilter(is_own_fault)
    # These libraries report every compiled function and every migration step at this level.
    for chatty in ("numba", "alembic", "asyncio"):
        logging.getLogger(chatty).setLevel(max(logging.WARNING, root.level))
