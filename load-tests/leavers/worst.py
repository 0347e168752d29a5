"""What the worst requests still cost once no one waits for them: one table.

Each request is asked alone, once to its end and then again and again, and its client leaves after
a part of that time. What counts is the processor time that the server takes from then on, beyond
what it takes at rest.

    python load-tests/leavers/worst.py [--series 100000] [--wide 1000000] [--only TEXT]
"""

import argparse
import asyncio
import contextlib
import statistics
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

sys.path.append(str(Path(__file__).resolve().parents[1]))  # the modules of all load tests
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from report import number, table
from runs import say
from servers import PROGRAMS, Server, running

from tests.makers.bodies.remote_read import query as read_query
from tests.makers.bodies.remote_read import request as read_request
from tests.makers.bodies.rich import WireHistogram, WireSeries, body_v2, compress
from tests.makers.bodies.v1 import HEADERS, encode

SAMPLES, SCRAPE_MS = 20, 60_000
NATIVES, BUCKETS = 4_000, 60
SERIES_IN_BODY = 2_000
END_S = SAMPLES * SCRAPE_MS // 1_000
PARTS = (0.1, 0.25, 0.4, 0.55, 0.7, 0.85, 0.95)
WHOLE_S_MAX, QUIET_S, AFTER_S = 30.0, 0.6, 1.0
ALLOWED_MS = 100.0
V2 = {
    "Content-Type": "application/x-protobuf;proto=io.prometheus.write.v2.Request",
    "Content-Encoding": "snappy",
}
# Range queries over x and y, b with buckets, and h, which is native; steps are 5 s. A {n} is
# another number each time, so that nothing is known of what a selector matches.
QUERIES = (
    "topk(10, x)",
    "bottomk by (g) (3, x)",
    "limitk(1000, x)",
    "quantile by (g) (0.9, x)",
    "sort(x)",
    "sort_by_label(x, 'i')",
    'count_values("v", x)',
    "stddev by (g) (x)",
    "sum by (i) (x)",
    'label_replace(x, "a", "$1-$2", "z", "(.*)-(.*)")',
    'label_join(x, "a", "-", "i", "g", "z")',
    "x * y",
    "x == y",
    "x and y",
    "x or y",
    "x * on (g) group_left () sum by (g) (y)",
    "exp(topk(100000, x))",
    "round(x) ^ 2 % 7",
    "absent(x)",
    "absent_over_time(x[5m])",
    "max_over_time(x[5m:1s])",
    "rate(x[5m:30s] @ 600)",
    "x @ 600",
    "quantile_over_time(0.9, x[10m])",
    "predict_linear(x[10m], 60)",
    "histogram_quantile(0.9, b)",
    "histogram_quantile(0.9, rate(b[5m]))",
    "histogram_fraction(0, 1, b)",
    "histogram_quantile(0.9, h)",
    "histogram_quantile(0.9, sum by (g) (rate(h[5m])))",
    "h + h",
    "h * 2",
    "sum(h)",
    "rate(h[5m])",
    "avg_over_time(h[5m])",
    "h </ 3",
    "histogram_stddev(h)",
    "h and h",
    "topk(3, histogram_count(h))",
    "count by (i) (h)",
    '{{__name__=~"x|y|h",i=~".*7.*|{n}"}}',
)
WIDE = (
    "label/i/values?match[]={{z=~'.*1.*1.*|{n}'}}",
    "label/i/values?nocache=1",
    "label/g/values?nocache=1&match[]={{i=~'i.+',i!='{n}'}}",
    "labels?match[]={{i=~'.*1.*|{n}'}}",
    "series?match[]={{i=~'i.+',i!='{n}'}}",
    "status/cardinality?match[]={{i=~'i.+',i!='{n}'}}&start=0&end=END",
    "cardinality/label_values?label_names[]=i&label_names[]=g&selector={{i=~'i.+',i!='{n}'}}",
    "cardinality/label_names?selector={{i=~'i.+',i!='{n}'}}",
    "status/tsdb?limit=10",
    "query_exemplars?query={{i=~'i.+',i!='{n}'}}&start=0&end=END",
    "query?query=count({{i=~'i.+',i!='{n}'}})&time=END",
    "status/replicas?match[]={{i=~'i.+',i!='{n}'}}&start=0&end=END",
)


@dataclass(frozen=True, slots=True)
class Ask:
    """A request by what it is called; target and body with {n} in place of a number."""

    title: str
    target: str
    tenant: str = "deep"
    body: bytes = b""

    def head(self, n: int) -> bytes:
        target = self.target.replace("{n}", str(n))
        lines = [
            f"{'POST' if self.body else 'GET'} {target} HTTP/1.1",
            "Host: x",
            f"X-Scope-OrgID: {self.tenant}",
        ]
        if self.body:
            lines += [f"Content-Length: {len(self.body)}", "Content-Encoding: snappy"]
        return "\r\n".join([*lines, "", ""]).encode() + self.body


def asks() -> Iterator[Ask]:
    for query in QUERIES:
        text = quote(query.replace("{{", "{").replace("}}", "}").replace("{n}", "NNN"))
        target = f"/api/v1/query_range?query={text}&start=0&end={END_S}&step=5&nocache=1"
        yield Ask(query.replace("{{", "{").replace("}}", "}"), target.replace("NNN", "{n}"))
    for each in WIDE:
        text = each.replace("{{", "{").replace("}}", "}")
        path, _, query = text.replace("END", str(END_S)).partition("?")
        query = quote(query.replace("{n}", "NNN"), safe="=&[]").replace("NNN", "{n}")
        yield Ask(text, f"/api/v1/{path}?{query}", "wide")
    selector = quote("{i=~'i.+',i!='NNN'}").replace("NNN", "{n}")
    yield Ask("federate", f"/federate?match[]={selector}", "wide")
    for title, types in (("read, samples", (0,)), ("read, chunks", (1,))):
        body = read_request([read_query([("i", "!=", "none")], 0, END_S * 1000)], types)
        yield Ask(title, "/api/v1/read?n={n}", "deep", body)


def post(server: Server, body: bytes, tenant: str, headers: dict[str, str]) -> None:
    url = f"http://127.0.0.1:{server.port}/api/v1/write"
    request = urllib.request.Request(url, body, headers | {"X-Scope-OrgID": tenant})
    with urllib.request.urlopen(request, timeout=120):
        pass


def labels_of(name: str, i: int) -> dict[str, str]:
    texts = {"i": f"i{i}", "g": f"g{i % 100}", "z": f"some-longer-text-{i * 7919 % 1_000_003:07d}"}
    return {"__name__": name, **texts}


def fill(server: Server, deep: int, wide: int) -> None:
    times = [SCRAPE_MS * (k + 1) for k in range(SAMPLES)]
    for first in range(0, deep, SERIES_IN_BODY):
        series = []
        for i in range(first, min(deep, first + SERIES_IN_BODY)):
            values = [(t, float((i * 31 + k * 7) % 97)) for k, t in enumerate(times)]
            bucket = {**labels_of("b", i // 10), "le": str(float(i % 10)) if i % 10 else "+Inf"}
            count = 1e6 if i % 10 == 0 else float(i % 10)
            counts = [(t, count * (k + 1)) for k, t in enumerate(times)]
            series += [(labels_of("x", i), values), (labels_of("y", i), values), (bucket, counts)]
        post(server, encode(series), "deep", HEADERS)
    for first in range(0, NATIVES, 100):
        some = [
            WireSeries(
                labels_of("h", i),
                histograms=[
                    WireHistogram(
                        t, BUCKETS * (k + 1), 1.5 * k, 2, 0.001, 0, (), (),
                        [(0, BUCKETS)], [k + 1, *[0] * (BUCKETS - 1)],
                    )
                    for k, t in enumerate(times)
                ],
            )
            for i in range(first, first + 100)
        ]  # fmt: skip
        post(server, compress(body_v2(some)), "deep", V2)
    for first in range(0, wide, SERIES_IN_BODY):
        rows = range(first, min(wide, first + SERIES_IN_BODY))
        body = encode([(labels_of("w", i), [(END_S * 1000, 1.0)]) for i in rows])
        post(server, body, "wide", HEADERS)


def cpu_s(server: Server) -> float:
    """Processor seconds of all threads there are, to the nanosecond."""
    total = 0
    for path in Path(f"/proc/{server.process.pid}/task").glob("*/schedstat"):
        with contextlib.suppress(OSError):
            total += int(path.read_text().split()[0])
    return total / 1e9


async def left_after(server: Server, head: bytes, seconds: float) -> tuple[float | None, float]:
    """Processor seconds from when the client left on, None if the answer had begun; and seconds to
    its first byte."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    started = time.monotonic()
    writer.write(head)
    try:
        async with asyncio.timeout(seconds):
            await reader.readexactly(1)
        return None, time.monotonic() - started
    except TimeoutError:
        before = cpu_s(server)
    finally:
        writer.transport.abort()
    await asyncio.sleep(AFTER_S)
    return cpu_s(server) - before, seconds


def at_rest_s(server: Server) -> float:
    """Processor seconds of AFTER_S in which nothing is asked."""
    before = cpu_s(server)
    time.sleep(AFTER_S)
    return cpu_s(server) - before


def measure(server: Server, ask: Ask, seed: int) -> list[str]:
    _, whole_s = asyncio.run(left_after(server, ask.head(seed), WHOLE_S_MAX))
    time.sleep(QUIET_S)
    rest_s = statistics.median(at_rest_s(server) for _ in range(3))
    found = []
    for k, part in enumerate(PARTS):
        seconds = part * whole_s
        used, _ = asyncio.run(left_after(server, ask.head(seed + k + 1), seconds))
        if used is not None:
            found.append(max(0.0, used - rest_s) * 1000)
    say(f"{whole_s * 1000:7.0f} ms {[round(ms) for ms in found]}  {ask.title}")
    if not found:
        return [f"`{ask.title}`", number(whole_s * 1000), "", ""]
    middle, most = statistics.median(found), max(found)
    title = f"`{ask.title}`" + (" (over)" if most > ALLOWED_MS else "")
    return [title, number(whole_s * 1000), number(middle), number(most)]


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--series", type=int, default=100_000)
    parser.add_argument("--wide", type=int, default=1_000_000)
    parser.add_argument("--only", default="", help="requests whose text has this")
    given = parser.parse_args(arguments)
    flags = (
        "--storage.retention=0", "--log.level=error", "--storage.select.max-series=2000000",
        "--query.max-samples=500000000", "--enable-feature=promql-experimental-functions",
    )  # fmt: skip
    with (
        tempfile.TemporaryDirectory(prefix="cupola-worst-") as directory,
        running(PROGRAMS[0], Path(directory) / "server", flags=flags) as server,
    ):
        fill(server, given.series, given.wide)
        say("filled")
        time.sleep(2)
        rows = [
            measure(server, ask, 1000 * k)
            for k, ask in enumerate(asks())
            if given.only in ask.title
        ]
    header = ["asked", "to its first byte ms", "after leaving: median ms", "most ms"]
    sys.stdout.write("\n".join(table(header, rows)) + "\n")


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        main(sys.argv[1:])
