"""50 lines of 11,000 points, and a table of 10,000 rows: what frames took is in the test's log."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any
from urllib.parse import quote

from playwright.sync_api import expect

from tests.makers.real_api import RealApi, ServedProgram

LINES, STEPS, ROWS = 50, 11_000, 10_000
NOW_MS = 1_796_000_000_000
END = "2026-11-30%2000:53:20"
MOVES = 60

FRAMES = """() => {
    const seen = []; let last = performance.now();
    const look = (now) => { seen.push(now - last); last = now; requestAnimationFrame(look); };
    requestAnimationFrame(look);
    const tasks = [];
    new PerformanceObserver((list) => list.getEntries().forEach((e) => tasks.push(e.duration)))
        .observe({ type: "longtask", buffered: true });
    window.framesSeen = () => {
        const sorted = seen.splice(0).sort((a, b) => a - b);
        const blocked = Math.max(0, ...tasks.splice(0)).toFixed(0);
        const at = (share) => sorted[Math.floor(share * (sorted.length - 1))].toFixed(1);
        return `${sorted.length} frames, median ${at(0.5)} ms, longest ${at(1)} ms, `
            + `longest task ${blocked} ms`;
    };
}"""


async def fill(api: RealApi) -> None:
    """Many series of one sample, and a few of which each step has another value."""
    many = [({"__name__": "many", "row": str(row)}, [(NOW_MS, float(row))]) for row in range(ROWS)]
    lines = [
        (
            {"__name__": "lines", "line": str(line)},
            [(NOW_MS - (STEPS - i) * 1000, float((i * (line + 1)) % 997)) for i in range(STEPS)],
        )
        for line in range(LINES)
    ]
    await api.write(*many, tenant="default")
    for line in lines:
        await api.write(line, tenant="default")


def test_frames(browser: Any, tmp_path: Path) -> None:
    settings = {"storage.path": str(tmp_path), "storage.retention": "0"}
    with ServedProgram(settings, fill) as served:
        page = browser.new_page(viewport={"width": 1400, "height": 900})
        page.set_default_timeout(300_000)
        page.add_init_script(f"({FRAMES})()")
        page.goto(
            f"{served.url}/ui/ask?g0.expr=lines&g0.tab=graph&g0.range_input={STEPS - 1}s"
            f"&g0.end_input={END}&g0.res_type=fixed&g0.res_step=1"
        )
        over = page.locator(".plot .u-over")
        expect(over).to_be_visible()
        expect(page.locator(".legend-head")).to_contain_text("lines")
        tell("graph drawn", page)
        box = over.bounding_box()
        for move in range(MOVES):
            page.mouse.move(box["x"] + box["width"] * move / MOVES, box["y"] + 100 + move)
        expect(page.locator(".tooltip")).to_be_visible()
        tell("moved over the graph", page)
        page.goto(f"{served.url}/ui/ask?g0.expr={quote('many')}&g0.tab=table&g0.moment_input={END}")
        table = page.get_by_role("rowgroup", name="Series")
        expect(table.get_by_role("row").first).to_be_visible()
        tell("table shown", page)
        table.hover()
        for _ in range(MOVES):
            page.mouse.wheel(0, 4_000)
        tell("table scrolled", page)
        # However long it is, only what is seen is there.
        assert table.get_by_role("row").count() < 100
        expect(table.get_by_role("row").last).not_to_contain_text("row 0")
        page.close()


def tell(what: str, page: Any) -> None:
    sys.stdout.write(f"{what}: {page.evaluate('window.framesSeen()')}\n")
