"""Queries over days of sealed history: Cupola beside VictoriaMetrics.

Days of the past (past.py) go into each server (past_store.py): Cupola ends up with what compaction
makes of them, VictoriaMetrics with merged parts. Then each query is asked (asking.py) first after a
restart, with nothing of the data in the page cache, and again while it is warm. Prints Markdown
tables; processor time is that of all threads, which other processes disturb less. What was loaded
stays below --work-dir and is used again. `make bench` prints the same tables.

    python load-tests/history [--days 7] [--series 2000] [--servers cupola,victoria-metrics]
"""

import argparse
import contextlib
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1]))  # the modules of all load tests

from asking import REPEATS, lines_of, measure
from bench import chosen_programs, interrupted
from machine import machine_facts
from past import past_before
from queries import QueryError
from report import OURS, VICTORIA
from runs import say
from servers import Program, ServerError


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--days", type=int, default=7)
    parser.add_argument("--series", type=int, default=2_000)
    parser.add_argument("--repeats", type=int, default=REPEATS, help="of each query while warm")
    parser.add_argument("--servers", default=f"{OURS},{VICTORIA}", help="comma-separated")
    parser.add_argument(
        "--work-dir",
        type=Path,
        default=Path(tempfile.gettempdir()) / "cupola-bench",
        help="where bodies and data directories are; on the disk to be measured",
    )
    return parser.parse_args()


def report_lines(programs: Sequence[Program], arguments: argparse.Namespace) -> list[str]:
    past = past_before(int(time.time() * 1000), arguments.days, arguments.series)
    found = {
        program.name: measure(program, arguments.work_dir, past, arguments.repeats)
        for program in programs
    }
    return [*machine_facts(arguments.work_dir, programs), *lines_of(past, found)]


def main() -> int:
    arguments = parse_arguments()
    signal.signal(signal.SIGTERM, interrupted)
    arguments.work_dir.mkdir(parents=True, exist_ok=True)
    programs = chosen_programs(arguments.servers)
    try:
        sys.stdout.write("\n".join(report_lines(programs, arguments)) + "\n")
    except (ServerError, QueryError, OSError) as error:
        say(f"{type(error).__name__}: {error}")
        return 1
    return 0


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        sys.exit(main())
    sys.stderr.write("interrupted; everything started was stopped\n")
    sys.exit(130)
