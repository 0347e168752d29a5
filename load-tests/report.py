"""The report: what was measured as Markdown tables, with ratios and targets."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from disk import DiskUse
from pairs import PairTimes, table_rows
from processors import others_share
from queries import (
    COUNT,
    HISTOGRAM,
    JOIN,
    PANEL,
    QUANTILE_OVER_TIME,
    SUM_OF_RATE,
    TOPK,
    Answer,
    Query,
    difference,
)
from sender import Result
from servers import PROGRAMS, Program

BEGIN, END = "<!-- bench:begin -->", "<!-- bench:end -->"
OURS, VICTORIA, PROMETHEUS = "cupola", "victoria-metrics", "prometheus"
TITLES = {program.name: program.title for program in PROGRAMS}
MIB = 1 << 20
OTHERS_SHARE_MAX = 0.1
NO_PEERS: Mapping[str, float] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Ingest:
    """One run of the whole corpus into one server. CPU and memory are the server's."""

    connections: int
    series: int
    samples: int
    sent: Result
    cpu_s: float
    rss_peak_bytes: int

    @property
    def per_second(self) -> float:
        return self.samples / self.sent.wall_s

    @property
    def known_per_second(self) -> float:
        """Samples/s after the first scrape, in which every series is new."""
        return (self.samples - self.series) / (self.sent.wall_s - self.sent.first_round_s)

    @property
    def others_share(self) -> float:
        """What other processes took of the machine meanwhile."""
        ours_s = self.cpu_s + self.sent.cpu_s
        return others_share(self.sent.busy_s, ours_s, self.sent.wall_s)

    @property
    def refused(self) -> int:
        """Requests not answered 2xx."""
        return sum(n for status, n in self.sent.statuses.items() if not status.startswith("2"))


@dataclass(slots=True)
class Measured:
    """Everything measured on one server. rss_peak_bytes: after the queries of its last run;
    others_share: what other processes took of the machine during the queries; small: median seconds
    of small queries by kind."""

    program: Program
    ingests: list[Ingest] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)
    rss_peak_bytes: int = 0
    others_share: float = 0.0
    error: str = ""
    small: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Target:
    """One figure to reach. met is None if it was not measured."""

    title: str
    wanted: str
    got: str
    met: bool | None


Results = Mapping[str, Measured]


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """A Markdown table with padded columns, the first to the left and the others to the right."""
    lines = [header, *rows]
    widths = [max(len(line[i]) for line in lines) for i in range(len(header))]

    def text(line: Sequence[str]) -> str:
        rest = zip(line[1:], widths[1:], strict=True)
        cells = [line[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in rest)]
        return f"| {' | '.join(cells)} |"

    rule = ["-" * widths[0], *(f"{'-' * (width - 1)}:" for width in widths[1:])]
    return [text(header), text(rule), *(text(row) for row in rows), ""]


def number(value: float) -> str:
    """Three significant digits, without an exponent, thousands apart."""
    if value == 0 or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def ratio(ours: float | None, theirs: float | None) -> str:
    return f"{number(ours / theirs)}x" if ours and theirs else "-"


def ingest_table(results: Results) -> list[str]:
    header = ["ingest", "conns", "wall s", "samples/s", "after 1st scrape", "CPU s"]
    header += ["peak RSS MiB", "refused", "sender CPU s", "others' CPU"]
    rows = [
        [
            measured.program.title,
            str(run.connections),
            number(run.sent.wall_s),
            number(run.per_second),
            number(run.known_per_second),
            number(run.cpu_s),
            number(run.rss_peak_bytes / MIB),
            str(run.refused),
            number(run.sent.cpu_s),
            f"{run.others_share:.0%}",
        ]
        for measured in results.values()
        for run in measured.ingests
    ]
    return table(header, rows)


def ratio_table(results: Results) -> list[str]:
    """Cupola's figures by the others', run by run."""
    figures: list[tuple[str, Callable[[Ingest], float]]] = [
        ("samples/s", lambda run: run.per_second),
        ("CPU s", lambda run: run.cpu_s),
        ("peak RSS", lambda run: run.rss_peak_bytes),
    ]
    rows = []
    for i, run in enumerate(results[OURS].ingests):
        for title, figure in figures:
            others = [figure_of(results.get(name), i, figure) for name in (VICTORIA, PROMETHEUS)]
            cells = [ratio(figure(run), other) for other in others]
            rows.append([f"{title}, {run.connections} connections", *cells])
    return table(["Cupola against", "VictoriaMetrics", "Prometheus"], rows)


def figure_of(
    measured: Measured | None, run: int, figure: Callable[[Ingest], float]
) -> float | None:
    if measured is None or run >= len(measured.ingests):
        return None
    return figure(measured.ingests[run])


def median_of(measured: Measured | None, query: int) -> float | None:
    """The median seconds of a query; None if it was not answered."""
    if measured is None or query >= len(measured.answers) or measured.answers[query].error:
        return None
    return measured.answers[query].median_s


def query_table(results: Results, queries: Sequence[Query]) -> list[str]:
    header = ["query, median ms", *(measured.program.title for measured in results.values())]
    header += ["Cupola/VM", "Cupola/Prom", "rows", "agrees with VM", "with Prom"]
    rows = []
    for i, query in enumerate(queries):
        medians = {name: median_of(measured, i) for name, measured in results.items()}
        kind = "range" if query.is_range else "instant"
        cells = [number(median * 1000) if median else "-" for median in medians.values()]
        cells += [ratio(medians.get(OURS), medians.get(name)) for name in (VICTORIA, PROMETHEUS)]
        cells += [row_count(results, i)]
        cells += [verdict(results, query, i, name) for name in (VICTORIA, PROMETHEUS)]
        rows.append([f"{kind}: {query.title}", *cells])
    return table(header, rows)


def memory_table(results: Results, queries: Sequence[Query]) -> list[str]:
    """The most memory each server had resident while a query was repeated."""
    header = ["query, peak RSS MiB", *(measured.program.title for measured in results.values())]
    rows = [
        [
            f"{'range' if query.is_range else 'instant'}: {query.title}",
            *(peak_text(measured, i) for measured in results.values()),
        ]
        for i, query in enumerate(queries)
    ]
    return table(header, rows)


def peak_text(measured: Measured, query: int) -> str:
    peak = measured.answers[query].rss_peak_bytes if query < len(measured.answers) else 0
    return number(peak / MIB) if peak else "-"


def row_count(results: Results, query: int) -> str:
    """How many rows the first server answered; all others are held against it."""
    answers = next(iter(results.values())).answers
    return str(len(answers[query].rows)) if query < len(answers) else "-"


def verdict(results: Results, query: Query, i: int, name: str) -> str:
    ours, theirs = results.get(OURS), results.get(name)
    if ours is None or theirs is None or i >= min(len(ours.answers), len(theirs.answers)):
        return "-"
    own_rate = query.own_rate and name == VICTORIA
    found = difference(query, ours.answers[i], theirs.answers[i], same_rate=name != VICTORIA)
    return found or ("rows" if own_rate and not query.picks_rows else "-" if own_rate else "yes")


def disagreements(results: Results, queries: Sequence[Query]) -> list[str]:
    """What makes the run worthless: refused requests, missing samples, answers that differ."""
    found = [f"{m.program.title}: {m.error}" for m in results.values() if m.error]
    for measured in results.values():
        for run in measured.ingests:
            if run.refused:
                text = f"{run.refused} requests refused, first {run.sent.first_error}"
                found.append(f"{measured.program.title}, {run.connections} connections: {text}")
        for query, answer in zip(queries, measured.answers, strict=False):
            if answer.error:
                found.append(f"{measured.program.title}: {query.expression}: {answer.error}")
    for i, query in enumerate(queries):
        for name in (VICTORIA, PROMETHEUS):
            text = verdict(results, query, i, name)
            if text not in ("yes", "rows", "-"):
                kind = "range" if query.is_range else "instant"
                found.append(f"Cupola and {TITLES[name]} on {kind} {query.expression}: {text}")
    return found


def noise(results: Results) -> list[str]:
    """The measurements that other processes had a noticeable part in."""
    found = []
    for measured in results.values():
        shares = [(f"{run.connections} connections", run.others_share) for run in measured.ingests]
        for phase, share in [*shares, ("queries", measured.others_share)]:
            if share > OTHERS_SHARE_MAX:
                title = f"{measured.program.title}, {phase}"
                found.append(f"{title}: other processes took {share:.0%} of the machine")
    return found


def disk_table(use: DiskUse | None, peers: Mapping[str, float] = NO_PEERS) -> list[str]:
    """peers: bytes a sample of the same scrapes elsewhere."""
    if use is None:
        return ["Real scrapes: not measured.", ""]
    header = ["real scrapes, sealed", "bytes", "bytes/sample"]
    rows = [
        [name, f"{size:,}", f"{size / use.samples:.3f}"] for name, size in sorted(use.files.items())
    ]
    title = f"all of {use.segments} segment(s), {use.samples:,} samples, {use.series:,} series"
    rows.append([title, f"{sum(use.files.values()):,}", f"{use.bytes_per_sample:.3f}"])
    rows += [[title, "", f"{each:.3f}"] for title, each in peers.items()]
    return table(header, rows)


def pair_table(found: Sequence[PairTimes]) -> list[str]:
    """Dedup of pairs against one replica without dedup; a figure of its own data."""
    if not found:
        return ["Pairs of replicas: not measured.", ""]
    header = ["pairs of replicas, median ms", "one, dedup=false", "both, dedup", "ratio"]
    return table(header, table_rows(found))


# Query, server and the most of its time that Cupola may take.
QUERY_TARGETS = (
    (SUM_OF_RATE, VICTORIA, 1 / 4),
    (SUM_OF_RATE, PROMETHEUS, 1 / 12),
    (TOPK, VICTORIA, 1 / 4),
    (QUANTILE_OVER_TIME, VICTORIA, 1.0),
    (COUNT, VICTORIA, 1 / 4),
    (HISTOGRAM, VICTORIA, 1 / 3),
    (JOIN, PROMETHEUS, 1 / 4),
    (PANEL, VICTORIA, 1.5),
)
PANEL_MS_MAX = 10.0


def targets(
    results: Results,
    use: DiskUse | None,
    queries: Sequence[Query],
    pairs: Sequence[PairTimes] = (),
    peers: Mapping[str, float] = NO_PEERS,
) -> list[Target]:
    """The figures this release is to reach; those of queries are of range queries."""
    ours = results[OURS]
    found = []
    for name, wanted in ((VICTORIA, 4.0), (PROMETHEUS, 15.0)):
        theirs = results.get(name)
        runs = zip(ours.ingests, theirs.ingests if theirs else [], strict=False)
        got = min((a.per_second / b.per_second for a, b in runs), default=None)
        title = f"samples/s against {TITLES[name]}, worst run"
        found.append(target(title, got, wanted, at_least=True, unit="x"))
    number_of = {query.title: i for i, query in enumerate(queries) if query.is_range}
    for title, name, wanted in QUERY_TARGETS:
        mine, other = (median_of(r, number_of[title]) for r in (ours, results.get(name)))
        got = mine / other if mine and other else None
        found.append(target(f"time of {title} against {TITLES[name]}", got, wanted, unit="x"))
    panel = median_of(ours, number_of[PANEL])
    got = panel * 1000 if panel else None
    found.append(target("64-series selector over a range", got, PANEL_MS_MAX, unit=" ms"))
    got = use.bytes_per_sample if use else None
    found.append(target("sealed bytes a sample", got, 0.6, unit=""))
    over_range = next((times.ratio for times in pairs if times.title == "range"), None)
    found.append(target("range over pairs against one replica", over_range, 1.6, unit="x"))
    theirs = peers.get(TITLES[VICTORIA])
    got = use.bytes_per_sample / theirs if use and theirs else None
    found.append(target("sealed bytes a sample against VictoriaMetrics", got, 1.0, unit="x"))
    prometheus = results.get(PROMETHEUS)
    peak = prometheus.rss_peak_bytes if prometheus else 0
    got = ours.rss_peak_bytes / peak if peak and ours.rss_peak_bytes else None
    found.append(target("peak RSS against Prometheus", got, 1.0, unit="x"))
    return found


def target(
    title: str, got: float | None, wanted: float, *, unit: str, at_least: bool = False
) -> Target:
    sign = ">=" if at_least else "<="
    if got is None:
        return Target(title, f"{sign} {wanted:.3g}{unit}", "-", None)
    met = got >= wanted if at_least else got <= wanted
    return Target(title, f"{sign} {wanted:.3g}{unit}", f"{number(got)}{unit}", met)


def target_table(found: Sequence[Target]) -> list[str]:
    words = {True: "reached", False: "MISSED", None: "not measured"}
    rows = [[t.title, t.wanted, t.got, words[t.met]] for t in found]
    return table(["target", "wanted", "got", ""], rows)


def write_into(path: Path, lines: Sequence[str]) -> None:
    """Put the report between the two markers of an existing file, or make the file of it."""
    text = "\n".join([BEGIN, "", *lines, END])
    if path.exists() and BEGIN in (old := path.read_text()) and END in old:
        before, after = old.partition(BEGIN)[0], old.partition(END)[2]
        text = f"{before}{text}{after}"
    else:
        text += "\n"
    path.write_text(text)
