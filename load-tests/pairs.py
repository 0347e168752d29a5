"""What replica dedup adds to a query: the same one over pairs, and over one replica of each.

Every series comes from two replicas. `alone` selects one of them and is asked with `dedup=false`,
`pair` has the dedup of a server without settings. They take turns, so that a machine that others
use, too, is equally slow for both.
"""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, replace

from bodies import METRIC, Corpus
from queries import AFTER_SCRAPE_MS, REPEATS, STEP_S, STEPS, Client, parse_rows
from servers import Program, Server

# The dedup of a selector reads around its range; a short one shows what that costs.
SHAPES = (("range", STEPS), ("instant", 1))
ONE_REPLICA = '__replica__="replica-0"'


@dataclass(frozen=True, slots=True)
class PairTimes:
    """Median seconds of a query. rows: whether both had as many."""

    title: str
    alone_s: float
    pair_s: float
    rows: bool

    @property
    def ratio(self) -> float:
        return self.pair_s / self.alone_s


def raw(program: Program) -> Program:
    """The program, asked for the samples of all replicas."""
    return replace(program, query_parameters={**program.query_parameters, "dedup": "false"})


def measure(server: Server, corpus: Corpus) -> list[PairTimes]:
    """Raises QueryError if a query is refused."""
    pair = Client(server)
    alone = Client(replace(server, program=raw(server.program)))
    found = []
    try:
        for title, steps in SHAPES:
            seconds: tuple[list[float], list[float]] = ([], [])
            rows = [0, 0]
            for _ in range(REPEATS + 1):  # the first one warms up
                for i, (client, which) in enumerate(((alone, ONE_REPLICA), (pair, ""))):
                    body, took_s = client.ask(*request(corpus, which, steps))
                    seconds[i].append(took_s)
                    rows[i] = len(parse_rows(body))
            alone_s, pair_s = (statistics.median(taken[1:]) for taken in seconds)
            found.append(PairTimes(title, alone_s, pair_s, rows[0] == rows[1] > 0))
    finally:
        pair.close()
        alone.close()
    return found


def request(corpus: Corpus, matcher: str, steps: int) -> tuple[str, dict[str, str]]:
    last_s = (corpus.last_ms + AFTER_SCRAPE_MS) / 1000
    start_s = last_s - (steps - 1) * STEP_S
    query = f"sum by (mode) (rate({METRIC}{{{matcher}}}[5m]))"
    times = {"start": f"{start_s:.3f}", "end": f"{last_s:.3f}", "step": str(STEP_S)}
    return "/api/v1/query_range", {"query": query} | times


def table_rows(found: Sequence[PairTimes]) -> list[list[str]]:
    return [
        [
            f"{times.title}: sum by (mode) of rate",
            f"{times.alone_s * 1000:.0f}",
            f"{times.pair_s * 1000:.0f}",
            f"{times.ratio:.2f}x",
        ]
        for times in found
    ]
