"""What the machine gives the program: time, memory, processors, files, an address."""

import ctypes
import os
import resource
import socket
import time
import urllib.error
import urllib.request
from pathlib import Path

from receiver.doctor.findings import Finding, failure, ok, warning
from receiver.settings.config import Config
from receiver.settings.listen_address import bind, parse_listen_address

# Of Linux' adjtimex(2): the clock is not synchronized.
TIME_ERROR = 5
# When this was written; a clock that is behind it is wrong.
EARLIEST_S = 1_790_000_000
FILES_MIN = 4_096
MEMORY_MIN = 1 << 30
ASK_S = 3.0


def clock(now_s: float | None = None, state: int | None = None) -> Finding:
    """Samples from the future are refused, and rules are evaluated by this clock."""
    now_s = time.time() if now_s is None else now_s
    shown = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now_s))
    if now_s < EARLIEST_S:
        return failure("clock", f"{shown} is in the past", "set it, and let chrony or NTP keep it")
    if (clock_state() if state is None else state) == TIME_ERROR:
        return warning(
            "clock",
            f"{shown}, not known to be synchronized",
            "run chrony, systemd-timesyncd or NTP here or on the host: samples from the future are "
            "refused",
        )
    return ok("clock", f"{shown}, synchronized")


def clock_state() -> int:
    """What adjtimex says; 0 where it cannot be asked."""
    call = getattr(ctypes.CDLL(None), "adjtimex", None)
    # struct timex is 208 bytes here, and modes of 0 only asks.
    return int(call(ctypes.create_string_buffer(512))) if call is not None else 0


def open_files() -> Finding:
    """Each connection and each segment that is read is one."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < FILES_MIN:
        return warning(
            "open files",
            f"at most {hard}",
            f"raise the hard limit to {FILES_MIN} or more: LimitNOFILE= of the unit, ulimit -Hn",
        )
    return ok("open files", "no limit" if hard == resource.RLIM_INFINITY else f"at most {hard}")


def memory(limit: int | None = None, overcommit: str | None = None) -> list[Finding]:
    """Heads and symbols reserve address space that is mostly never touched."""
    limit = memory_limit() if limit is None else limit
    shown = f"{limit / (1 << 30):.1f} GiB"
    found = [ok("memory", f"{shown} for this process")]
    if limit < MEMORY_MIN:
        found = [
            warning(
                "memory", f"{shown} for this process", "give it 1 GiB or more (docs/capacity.md)"
            )
        ]
    mode = read_text("/proc/sys/vm/overcommit_memory") if overcommit is None else overcommit
    if mode == "2":
        advice = "set vm.overcommit_memory to 0 or 1: address space that is reserved counts here"
        found.append(failure("memory", "the system hands out no more than it has", advice))
    return found


def memory_limit() -> int:
    """What this process may have: of the machine, or of its control group."""
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    texts = [read_text(str(folder / "memory.max")) for folder in control_groups()]
    return min([machine, *(int(text) for text in texts if text.isdigit())])


def processors() -> Finding:
    """Those of the affinity, and what the control group lets them do."""
    count = len(os.sched_getaffinity(0))
    for folder in control_groups():
        quota, _, period = read_text(str(folder / "cpu.max")).partition(" ")
        if quota.isdigit() and int(quota) < int(period):
            return warning(
                "processors",
                f"{int(quota) / int(period):.2f} of {count}",
                "a limit below one core holds up the sync that each write waits for: raise it, or "
                "set a request instead",
            )
    return ok("processors", str(count))


def control_groups() -> list[Path]:
    """The directories of this process' control group (version 2), the innermost first."""
    name = read_text("/proc/self/cgroup").rpartition("::")[2].splitlines()
    root = Path("/sys/fs/cgroup")
    own = root / (name[0].lstrip("/") if name else "")
    return [p for p in (own, *own.parents) if p == root or root in p.parents]


def address(config: Config) -> Finding:
    """Whether it is free; a server of ours that has it is no fault."""
    text = config.web.listen_address
    host, port = parse_listen_address(text)
    try:
        bind(host, port).close()
    except socket.gaierror as error:
        return failure("address", f"{text}: {error}", "name an address of this machine")
    except PermissionError as error:
        advice = "ports below 1024 need CAP_NET_BIND_SERVICE: take a higher one"
        return failure("address", f"{text}: {error}", advice)
    except OSError as error:
        if is_ours(host or "127.0.0.1", port):
            return ok("address", f"{text}: a server listens there, and answers")
        advice = f"find who has it (ss -ltnp 'sport = :{port}'), or set web.listen-address"
        return failure("address", f"{text}: {error}", advice)
    return ok("address", f"{text} is free")


def is_ours(host: str, port: int) -> bool:
    """Whether something there answers as a server does."""
    name = f"[{host}]" if ":" in host else host
    try:
        with urllib.request.urlopen(f"http://{name}:{port}/-/healthy", timeout=ASK_S) as answer:
            return int(answer.status) == 200
    except urllib.error.HTTPError as error:
        return error.code in (401, 403)
    except (OSError, ValueError):
        return False


def read_text(path: str) -> str:
    try:
        return Path(path).read_text().strip()
    except OSError:
        return ""
