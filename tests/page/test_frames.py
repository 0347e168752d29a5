"""50 lines of 11,000 points, a table of 10,000 rows, and the first paint: what frames and tasks
took is in the test's log."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest
from playwright.sync_api import expect

from tests.makers.page.traces import log, traced, watch_frames
from tests.makers.real_api import RealApi, ServedProgram

LINES, STEPS, ROWS = 50, 11_000, 10_000
NOW_MS = 1_796_000_000_000
END = "2026-11-30 00:53:20"
WAIT_MS = 300_000
MOVES = 60
BUDGET_BYTES = 350 * 1024
PAINT = """() => JSON.stringify({
    paint: performance.getEntriesByName("first-contentful-paint")[0]?.startTime,
    files: performance.getEntriesByType("resource").map((one) => [one.name, one.encodedBodySize]),
})"""


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


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedProgram]:
    settings = {
        "storage.path": str(tmp_path_factory.mktemp("frames")),
        "storage.retention": "0",
    }
    with ServedProgram(settings, fill) as served:
        yield served


def address(expr: str, **params: object) -> str:
    given = {f"g0.{name}": value for name, value in params.items()}
    return "/ui/ask?" + urlencode({"g0.expr": expr, **given})


GRAPH = {"range_input": f"{STEPS - 1}s", "end_input": END, "res_type": "fixed", "res_step": 1}


@pytest.fixture
def page(browser: Any) -> Iterator[Any]:
    opened = browser.new_page(viewport={"width": 1400, "height": 900})
    opened.set_default_timeout(WAIT_MS)
    watch_frames(opened)
    yield opened
    opened.close()


def wait_until_drawn(page: Any) -> None:
    expect(page.locator('.plot[aria-busy="false"] canvas')).to_be_visible()


@pytest.mark.parametrize("display", ["lines", "stacked"])
def test_frames_of_a_graph(display: str, large: ServedProgram, browser: Any, page: Any) -> None:
    page.goto(large.url + address("lines", tab="explain", display_mode=display, **GRAPH))
    expect(page.locator(".step").first).to_be_visible()

    def draw() -> None:
        page.get_by_role("tab", name="Graph").click()
        wait_until_drawn(page)

    def move() -> None:
        box = page.locator(".plot .u-over").bounding_box()
        for at in range(MOVES):
            page.mouse.move(box["x"] + box["width"] * at / MOVES, box["y"] + 100 + at)
        expect(page.locator(".tooltip")).to_be_visible()

    def hide() -> None:
        page.get_by_role("list", name="Series of the graph").get_by_role("button").first.click()
        wait_until_drawn(page)

    traced(browser, page, f"{display} drawn", draw)
    expect(page.locator(".legend-head")).to_contain_text("lines")
    traced(browser, page, f"moved over {display}", move)
    traced(browser, page, f"one of {display} chosen", hide)


def test_frames_of_a_table(large: ServedProgram, browser: Any, page: Any) -> None:
    page.goto(large.url + address("many", tab="explain", moment_input=END))
    expect(page.locator(".step").first).to_be_visible()
    table = page.get_by_role("rowgroup", name="Series")
    rows = table.get_by_role("row")

    def show() -> None:
        page.get_by_role("tab", name="Table").click()
        expect(rows.first).to_be_visible()

    def sort() -> None:
        page.get_by_role("button", name="row", exact=True).click()
        expect(rows.nth(10)).to_contain_text("10")

    def scroll() -> None:
        table.hover()
        for _ in range(MOVES):
            page.mouse.wheel(0, 4_000)
        expect(rows.last).not_to_contain_text("row 0")

    traced(browser, page, "table shown", show)
    traced(browser, page, "table sorted", sort)
    traced(browser, page, "table scrolled", scroll)
    # However long it is, only what is seen is there.
    assert rows.count() < 100
    assert page.get_by_role("table", name="Result").get_attribute("aria-rowcount") == str(ROWS + 1)


def test_the_first_paint(large: ServedProgram, browser: Any) -> None:
    context = browser.new_context()
    page = context.new_page()
    page.set_default_timeout(WAIT_MS)
    for visit in ("first visit", "second visit"):
        page.goto(large.url + address("vector(1)", tab="graph"))
        expect(page.locator(".plot canvas")).to_be_visible()
        expect(page.locator(".cm-content")).to_be_visible()
        seen = json.loads(page.evaluate(PAINT))
        sizes = {name.rpartition("/")[2]: size for name, size in seen["files"]}
        log(visit, f"first paint after {seen['paint']:.0f} ms, {sum(sizes.values()):,} bytes")
        assert 0 < sum(sizes.values()) < BUDGET_BYTES
    context.close()
