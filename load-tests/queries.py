"""The queries, asked of every server: how long they take and whether the answers agree.

Times lie 7 s after a scrape, never on one: Prometheus 2.42 counts a sample on the left edge of a
range, Prometheus 3 and Cupola do not, and the answers are to be comparable. VictoriaMetrics' `rate`
is another function by design (no extrapolation, takes the sample before the range), so there only
the rows are compared.
"""

import http.client
import json
import math
import statistics
import time
import urllib.parse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from bodies import METRIC, SCRAPE_INTERVAL_MS, Corpus, instance_name
from details import BUCKET_METRIC, INFO_METRIC
from servers import Server

AFTER_SCRAPE_MS = 7_000
STEPS = 60
STEP_S = 15
REPEATS = 7
QUERY_TIMEOUT_S = 120.0
VISIBLE_TIMEOUT_S = 60.0
TOLERANCE = 1e-9  # relative: sums over 100 k series are added in another order

Rows = dict[str, dict[float, float]]


@dataclass(frozen=True, slots=True)
class Query:
    """One query. own_rate: VictoriaMetrics' rate is part of it, so its values differ; own_name:
    VictoriaMetrics keeps the metric name; picks_rows: which rows come back depends on the values.
    """

    title: str
    expression: str
    is_range: bool = True
    own_rate: bool = False
    own_name: bool = False
    picks_rows: bool = False


@dataclass(slots=True)
class Answer:
    """The rows of one query from one server and the seconds each repetition took.

    rss_peak_bytes: the most memory the server had resident meanwhile.
    """

    rows: Rows
    seconds: list[float] = field(default_factory=list)
    error: str = ""
    rss_peak_bytes: int = 0

    @property
    def median_s(self) -> float:
        return statistics.median(self.seconds)


SUM_OF_RATE = "sum by (mode) of rate, all series"
PANEL = "64-series selector"
TOPK = "topk of sum by (instance)"
COUNT = "count of all series"
QUANTILE_OVER_TIME = "quantile_over_time, 1/8 of the series"
HISTOGRAM = "histogram_quantile, a bucket per 2 series"
JOIN = "join of 1/2 of the series onto info"


def query_set() -> list[Query]:
    """Every query over a range, then every query at one time."""
    one_instance = f'{METRIC}{{instance="{instance_name(3)}"}}'
    half = f'{METRIC}{{mode=~"idle|iowait|system|user"}}'
    buckets = f"sum by (le, job) (rate({BUCKET_METRIC}[5m]))"
    over_range = [
        Query(SUM_OF_RATE, f"sum by (mode) (rate({METRIC}[5m]))", own_rate=True),
        Query(PANEL, one_instance),
        Query("rate of 64 series", f"rate({one_instance}[5m])", own_rate=True),
        Query(
            TOPK,
            f'topk(5, sum by (instance) (rate({METRIC}{{mode!="idle"}}[2m])))',
            own_rate=True,
            picks_rows=True,
        ),
        Query(COUNT, 'count({__name__=~"node_.*"})'),
        Query(
            QUANTILE_OVER_TIME,
            f'quantile_over_time(0.9, {METRIC}{{mode="idle"}}[5m])',
            own_name=True,
        ),
        Query(HISTOGRAM, f"histogram_quantile(0.99, {buckets})", own_rate=True),
        Query(JOIN, f"{half} * on (instance) group_left (version) {INFO_METRIC}"),
    ]
    return over_range + [replace(query, is_range=False) for query in over_range]


class QueryError(Exception):
    """A server refused a query or answered what is no query result."""


class Client:
    """One keep-alive connection that asks queries. headers: of each request."""

    def __init__(self, server: Server, headers: Mapping[str, str] | None = None) -> None:
        self.extra = server.program.query_parameters
        self.headers = dict(headers or {})
        self.connection = http.client.HTTPConnection(
            "127.0.0.1", server.port, timeout=QUERY_TIMEOUT_S
        )

    def close(self) -> None:
        self.connection.close()

    def ask(self, path: str, parameters: dict[str, str]) -> tuple[bytes, float]:
        """The body of the answer, and the seconds from sending to its last byte."""
        target = f"{path}?{urllib.parse.urlencode(parameters | self.extra)}"
        start = time.perf_counter()
        self.connection.request("GET", target, headers=self.headers)
        response = self.connection.getresponse()
        body = response.read()
        elapsed_s = time.perf_counter() - start
        if response.status != 200:
            raise QueryError(f"{response.status}: {body[:300].decode('utf-8', 'replace')}")
        return body, elapsed_s

    def ask_query(self, query: Query, corpus: Corpus) -> tuple[bytes, float]:
        last_s = (corpus.last_ms + AFTER_SCRAPE_MS) / 1000
        if not query.is_range:
            return self.ask("/api/v1/query", {"query": query.expression, "time": f"{last_s:.3f}"})
        start_s = last_s - (STEPS - 1) * STEP_S
        times = {"start": f"{start_s:.3f}", "end": f"{last_s:.3f}", "step": str(STEP_S)}
        return self.ask("/api/v1/query_range", {"query": query.expression} | times)

    def instant_value(self, expression: str, at_ms: int) -> float:
        """The value of an instant query with one row; 0 if it has none."""
        body, _ = self.ask("/api/v1/query", {"query": expression, "time": f"{at_ms / 1000:.3f}"})
        return sum(next(iter(points.values())) for points in parse_rows(body).values())


def parse_rows(body: bytes) -> Rows:
    """The rows of a query result by their labels as JSON text, each time -> value."""
    document = json.loads(body)
    if document.get("status") != "success":
        raise QueryError(f"no success: {body[:300].decode('utf-8', 'replace')}")
    rows: Rows = {}
    for row in document["data"]["result"]:
        points = row["values"] if "values" in row else [row["value"]]
        key = json.dumps(row["metric"], sort_keys=True)
        rows[key] = {round(at, 3): float(text) for at, text in points}
    return rows


def wait_visible(server: Server, corpus: Corpus, selector: str = METRIC) -> None:
    """Wait until a query counts every sample of the corpus, which is what the selector selects.

    VictoriaMetrics keeps what it accepted from queries for about a second. Raises QueryError if
    samples are missing after VISIBLE_TIMEOUT_S.
    """
    window_s = (corpus.last_ms - corpus.first_ms) // 1000 + SCRAPE_INTERVAL_MS // 1000
    total = f"sum(count_over_time({selector}[{window_s}s]))"
    client, start = Client(server), time.perf_counter()
    try:
        while True:
            seen = client.instant_value(total, corpus.last_ms + AFTER_SCRAPE_MS)
            if seen == corpus.samples:
                return
            if time.perf_counter() - start > VISIBLE_TIMEOUT_S:
                raise QueryError(
                    f"{server.program.title} shows {seen:.0f} of {corpus.samples} samples "
                    f"after {VISIBLE_TIMEOUT_S:.0f} s"
                )
            time.sleep(0.2)
    finally:
        client.close()


def measure(server: Server, corpus: Corpus, queries: Sequence[Query]) -> list[Answer]:
    """Ask every query once to warm up, then REPEATS times; a refused query has its error."""
    answers = []
    for query in queries:
        client = Client(server)
        server.forget_rss_peak()
        try:
            body, _ = client.ask_query(query, corpus)
            seconds = [client.ask_query(query, corpus)[1] for _ in range(REPEATS)]
            peak_bytes = server.rss_peak_bytes()
            answers.append(Answer(parse_rows(body), seconds, rss_peak_bytes=peak_bytes))
        except (QueryError, OSError, http.client.HTTPException) as error:
            answers.append(Answer({}, error=f"{type(error).__name__}: {error}"))
        finally:
            client.close()
    return answers


def difference(query: Query, ours: Answer, theirs: Answer, *, same_rate: bool) -> str:
    """What differs between two answers, in a few words; empty if they agree.

    same_rate: the other server computes `rate` as we do.
    """
    if ours.error or theirs.error:
        return ours.error or theirs.error
    comparable = same_rate or not query.own_rate
    if query.picks_rows and not comparable:
        return ""
    if query.own_name and not same_rate:
        theirs = replace(theirs, rows=without_names(theirs.rows))
    if ours.rows.keys() != theirs.rows.keys():
        return f"{len(ours.rows)} rows against {len(theirs.rows)}"
    if not comparable:
        return ""
    for key, points in ours.rows.items():
        if points.keys() != theirs.rows[key].keys():
            return f"other timestamps in {key}"
    worst = largest_difference(ours.rows, theirs.rows)
    return f"values differ by {worst:.1e}" if worst > TOLERANCE else ""


def without_names(rows: Rows) -> Rows:
    """The rows by their labels but for the metric name."""
    found: Rows = {}
    for key, points in rows.items():
        labels = json.loads(key)
        labels.pop("__name__", None)
        found[json.dumps(labels, sort_keys=True)] = points
    return found


def largest_difference(ours: Rows, theirs: Rows) -> float:
    """The largest relative difference over the rows and times both have."""
    worst = 0.0
    for key in ours.keys() & theirs.keys():
        for at in ours[key].keys() & theirs[key].keys():
            a, b = ours[key][at], theirs[key][at]
            if a != b:
                ratio = abs(a - b) / max(abs(a), abs(b))
                worst = math.inf if math.isnan(ratio) else max(worst, ratio)
    return worst
