"""Ninety days of 1,000 series, asked at a step of an hour: answered from windows of an hour.

A directory that ageing.py filled is served, or filled first, as a server leaves one that has been
running for so long. Each query is asked once after a restart with nothing of the data in the page
cache, and then again; nothing of a query over downsampled data is kept by the server, so all of
them are computed. Prints a Markdown table: times by the clock, and processor time of all threads,
which other processes disturb less.

    python load-tests/history/ninety.py [--days 90] [--series 1000] [--directory PATH]
"""

import argparse
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1]))  # the modules of all load tests

from asking import LongQuery, ask
from bodies import METRIC
from past import Past, past_before
from past_store import QUIET_FLAGS, forget_pages, started
from queries import Client
from report import OURS, number, table
from runs import say
from servers import PROGRAMS, Program

TENANT = "history"
STEP_S = 3600
REPEATS = 5
WANTED_MS = 300.0
FLAGS = (
    *QUIET_FLAGS[OURS],
    "--storage.retention-5m=0",
    "--storage.retention-1h=0",
)


@dataclass(frozen=True, slots=True)
class HourQuery(LongQuery):
    """A query that may be answered from windows of an hour."""

    def parameters(self, past: Past) -> dict[str, str]:
        # Without the offset of other queries: ranges end where windows do.
        start_s, end_s = past.start_ms // 1000 + STEP_S, past.end_ms // 1000
        times = {"start": str(start_s), "end": str(end_s), "step": str(STEP_S)}
        return {"query": self.expression, "max_source_resolution": "1h"} | times


def hour_queries() -> list[HourQuery]:
    some = f'{METRIC}{{mode="user"}}'
    return [
        HourQuery("sum by (mode) of rate over 4h", f"sum by (mode) (rate({METRIC}[4h]))"),
        HourQuery("sum by (mode) of increase over 1d", f"sum by (mode) (increase({METRIC}[1d]))"),
        HourQuery("avg of avg_over_time 4h", f"avg by (mode) (avg_over_time({METRIC}[4h]))"),
        HourQuery("max of max_over_time 4h", f"max by (mode) (max_over_time({METRIC}[4h]))"),
        HourQuery("sum by (mode) of the newest", f"sum by (mode) ({METRIC})"),
        HourQuery("count of count_over_time 1d", f"sum (count_over_time({METRIC}[1d]))"),
        HourQuery("an eighth of the series, each one", f"rate({some}[4h])"),
    ]


def filled(directory: Path, days: int, series: int) -> Past:
    """Have ageing.py fill the directory, unless an earlier run did; what it wrote."""
    done = directory / "filled"
    if done.exists():
        say(f"{directory} is used again")
    else:
        before_ms = time.time_ns() // 1_000_000
        script = Path(__file__).with_name("ageing.py")
        arguments = ["--days", str(days), "--series", str(series)]
        place = ["--directory", str(directory / "data")]
        subprocess.run([sys.executable, str(script), *arguments, *place], check=True)
        done.write_text(f"{days} {series} {before_ms}\n")
    days, series, now_ms = map(int, done.read_text().split())
    return past_before(now_ms, days, series)


def measured(program: Program, directory: Path, past: Past, query: HourQuery) -> list[str]:
    """A line of the table."""
    forget_pages(directory)
    with started(program, directory, *FLAGS) as server:
        client = Client(server, {"X-Scope-OrgID": TENANT})
        client.ask("/api/v1/query", {"query": "vector(1)"})
        timing = ask(server, client, query, past, REPEATS)
        client.close()
    seconds = [timing.first_s, timing.first_cpu_s, timing.median_s, timing.cpu_s]
    said = "reached" if timing.median_s * 1000 <= WANTED_MS else "MISSED"
    return [query.title, str(len(timing.rows)), *(number(1000 * each) for each in seconds), said]


HEADS = ["query", "rows", "first ms", "first CPU", "warm ms", "CPU", f"<= {WANTED_MS:.0f} ms"]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--days", type=int, default=90)
    parser.add_argument("--series", type=int, default=1_000)
    parser.add_argument("--directory", type=Path, help="filled once and used again")
    given = parser.parse_args()
    (program,) = [each for each in PROGRAMS if each.name == OURS]
    with tempfile.TemporaryDirectory(prefix="cupola-ninety-") as temporary:
        directory = given.directory or Path(temporary)
        past = filled(directory, given.days, given.series)
        lines = [measured(program, directory, past, query) for query in hour_queries()]
    sys.stdout.write("\n".join(table(HEADS, lines)) + "\n")


if __name__ == "__main__":
    main()
