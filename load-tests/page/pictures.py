"""Pictures of every page, in light and dark, on a wide screen and on a phone.

    python load-tests/page/pictures.py [--output=.pictures] [--docs] [--only=replicas]

A program with a pair of replicas, one of which is silent, is served and looked at with Debian's
chromium. With --docs the pictures that docs/web.md shows are written to docs/pictures.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from playwright.sync_api import sync_playwright

from tests.makers.page.scene import SETTINGS, fill
from tests.makers.real_api import ServedProgram

ROOT = Path(__file__).resolve().parents[2]
WIDTHS = {1400: 900, 390: 844}
THEMES = ("light", "dark")
FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run")
WAIT_MS = 60_000
REQUESTS = "sum by (handler) (rate(http_requests_total[5m]))"


def ask(*exprs: str, **params: str) -> str:
    given = {f"g{i}.expr": expr for i, expr in enumerate(exprs)}
    given |= {f"g{i}.{name}": v for i in range(len(exprs)) for name, v in params.items()}
    return "ui/ask?" + urlencode(given | {"tenant": "edge"})


# Name, address, and what has to be there before the picture is taken.
PAGES: dict[str, tuple[str, str]] = {
    "empty": ("ui/ask?tenant=nobody", ".panel"),
    "welcome": ("ui/ask?tenant=edge", ".pair"),
    "graph": (ask(REQUESTS, tab="graph"), ".plot canvas"),
    "stacked": (ask(REQUESTS, tab="graph", display_mode="stacked"), ".plot canvas"),
    "replica-colours": (ask("node_temperature_celsius", tab="graph", replicas="1"), ".plot canvas"),
    "heat-map": (
        ask(
            "sum by (le) (rate(http_request_duration_seconds_bucket[5m]))",
            tab="graph",
            display_mode="heatmap",
        ),
        ".plot canvas",
    ),
    "table": (ask("http_requests_total", tab="table"), "[role=cell]"),
    "error": (ask("sum(rate(up))", tab="table"), ".cm-lintRange-error"),
    "explain": (ask(REQUESTS, tab="explain"), ".step"),
    "tree": (ask(REQUESTS, tab="graph", show_tree="1"), ".plot canvas"),
    "native": (
        ask("sum(rate(rpc_duration_seconds[5m]))", tab="graph").replace("=edge", "=lab"),
        ".plot canvas",
    ),
    "exemplars": (
        ask("sum(rate(rpc_requests_total[5m]))", tab="graph", show_exemplars="1").replace(
            "=edge", "=lab"
        ),
        ".plot canvas",
    ),
    "panels": (ask("up", REQUESTS, tab="graph"), ".plot canvas"),
    "hostile": (ask('{number=~".+"}', tab="table").replace("=edge", "=hostile"), "[role=cell]"),
    "hostile-graph": (
        ask('last_over_time({number=~".+"}[1h])', tab="graph").replace("=edge", "=hostile"),
        ".plot canvas",
    ),
    "metrics": ("ui/metrics?tenant=edge&metric=http_requests_total", ".tops"),
    "tenants": ("ui/tenants?tenant=edge", "[role=cell]"),
    "replicas": ("ui/replicas?tenant=edge", ".used svg"),
    "refused": ("ui/refused?tenant=edge", "[role=cell]"),
    "rules": ("ui/rules?tenant=edge", ".empty, .rule"),
    "alerts": ("ui/alerts?tenant=edge", ".empty, .rule"),
    "queries": ("ui/queries?tenant=edge", ".empty, [role=cell]"),
    "segments": ("ui/segments?tenant=edge", ".timeline"),
    "head": ("ui/head?tenant=edge", "[role=cell]"),
    "cardinality": ("ui/cardinality?tenant=edge&before=1h", ".tops"),
    "status": ("ui/status?tenant=edge", ".pairs"),
    "processes": ("ui/status?tenant=edge&view=processes", "[role=cell]"),
    "stores": ("ui/status?tenant=edge&view=stores", "[role=cell]"),
    "settings": ("ui/status?tenant=edge&view=settings", "[role=cell]"),
    "configuration": ("ui/status?tenant=edge&view=configuration", ".code, .empty"),
}
# Those that docs/web.md shows.
IN_DOCS = {
    "welcome": ("light",),
    "graph": ("light", "dark"),
    "replica-colours": ("light",),
    "explain": ("light",),
    "replicas": ("light",),
    "segments": ("light",),
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=ROOT / ".pictures")
    parser.add_argument("--docs", action="store_true", help="those of the docs, into docs/pictures")
    parser.add_argument("--only", default="", help="pages with this in their names")
    args = parser.parse_args()
    chromium = shutil.which("chromium")
    if chromium is None:
        sys.stderr.write("chromium is needed: Debian's package of that name\n")
        return 1
    now_ms = time.time_ns() // 60_000_000_000 * 60_000
    with tempfile.TemporaryDirectory() as directory, sync_playwright() as playwright:
        settings = SETTINGS | {"storage.path": directory}
        with ServedProgram(settings, lambda api: fill(api, now_ms)) as program:
            browser = playwright.chromium.launch(executable_path=chromium, args=list(FLAGS))
            take_all(browser, program.url, args)
            browser.close()
    return 0


def take_all(browser: Any, url: str, args: argparse.Namespace) -> None:
    folder = ROOT / "docs" / "pictures" if args.docs else args.output
    folder.mkdir(parents=True, exist_ok=True)
    names = [name for name in PAGES if args.only in name and (name in IN_DOCS or not args.docs)]
    for width in [1400] if args.docs else WIDTHS:
        for theme in THEMES:
            context = browser.new_context(
                viewport={"width": width, "height": WIDTHS[width]},
                color_scheme=theme,
                reduced_motion="reduce",
            )
            context.set_default_timeout(WAIT_MS)
            page = context.new_page()
            for name in names:
                if not args.docs or theme in IN_DOCS[name]:
                    stem = f"page-{name}" if args.docs else f"{name}-{width}"
                    path = folder / f"{stem}-{theme}.png"
                    take(page, f"{url}/{PAGES[name][0]}", PAGES[name][1], path)
            context.close()


def take(page: Any, url: str, wanted: str, path: Path) -> None:
    page.goto(url)
    page.locator(wanted).first.wait_for()
    page.wait_for_load_state("networkidle")
    page.get_by_text("Opening").first.wait_for(state="hidden")
    page.screenshot(path=path, full_page=True)
    sys.stdout.write(f"{path}\n")


if __name__ == "__main__":
    sys.exit(main())
