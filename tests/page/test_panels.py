"""What a panel shows beside lines: exemplars, histograms, replicas, trees, values of any size;
several panels, and what was asked before."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from playwright.sync_api import expect

MINUTES = {"res_type": "fixed", "res_step": "60"}
RATE = "sum(rate(rpc_requests_total[5m]))"


def link(*exprs: str, tenant: str = "lab", **params: str) -> str:
    given = {f"g{i}.expr": expr for i, expr in enumerate(exprs)}
    given |= {f"g{i}.{name}": text for i in range(len(exprs)) for name, text in params.items()}
    return "/graph?" + urlencode(given | {"tenant": tenant}, quote_via=quote)


def utc(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")


def over(page: Any, number: int = 0) -> Any:
    """The plot of a panel, drawn."""
    expect(page.locator('.plot[aria-busy="false"]').nth(number)).to_be_visible()
    return page.locator(".plot .u-over").nth(number)


# From one end to the other; true once a tooltip says what is wanted.
SEARCH = """(over, wanted) => {
    const box = over.getBoundingClientRect();
    for (let x = 1; x < box.width; x += 4) {
        for (let y = 1; y < box.height; y += 6) {
            const at = { clientX: box.left + x, clientY: box.top + y };
            over.dispatchEvent(new MouseEvent("mousemove", { ...at, bubbles: true }));
            const tooltip = over.querySelector(".tooltip:not([hidden])");
            if (tooltip?.textContent.includes(wanted)) return true;
        }
    }
    return false;
}"""


def search(page: Any, wanted: str) -> None:
    """Move over the plot until the tooltip says something."""
    place = over(page)
    place.hover()
    assert place.evaluate(SEARCH, wanted), f"no tooltip says {wanted!r}"


def test_exemplars_are_points_with_their_labels(watched: Any, now_ms: int) -> None:
    page = watched.open(link(RATE, tab="graph", end_input=utc(now_ms), show_exemplars="1"))
    search(page, "trace_id = trace-")
    tooltip = page.locator(".tooltip")
    expect(tooltip).to_contain_text("path = /<b>x</b>")
    expect(tooltip).to_contain_text("rpc_requests_total")
    page.get_by_role("button", name="More for this query").click()
    page.get_by_role("switch", name="Exemplars").click()
    expect(page).to_have_url(re.compile("show_exemplars=0"))


def test_native_histograms_are_a_heat_map(watched: Any, now_ms: int) -> None:
    query = "sum(rate(rpc_duration_seconds[5m]))"
    page = watched.open(link(query, tab="graph", end_input=utc(now_ms), **MINUTES))
    # Without being asked for: there is nothing else to draw.
    over(page)
    expect(page.locator(".legend")).to_have_count(0)
    search(page, "4 to 8")
    search(page, "0.25 to 0.5")
    page.get_by_role("tab", name="Table").click()
    expect(page.get_by_role("cell").last).to_contain_text("in buckets")
    page.get_by_role("button", name=re.compile("details of")).click()
    expect(page.get_by_role("dialog")).to_contain_text("4 to 8:")


def test_the_tooltip_names_the_replica(watched: Any, now_ms: int) -> None:
    link_of = link("up", tenant="edge", tab="graph", end_input=utc(now_ms), replicas="1")
    page = watched.open(link_of)
    search(page, 'from {prometheus_replica="a"}')
    search(page, 'from {prometheus_replica="b"}')


def test_the_tree_is_shown_above_the_graph(watched: Any, now_ms: int) -> None:
    page = watched.open(link(RATE, tab="graph", end_input=utc(now_ms), show_tree="1"))
    tree = page.get_by_role("region", name="Tree of query 1")
    expect(tree.locator(".step")).to_have_count(3)
    expect(tree.locator(".step").first).to_contain_text("1 series")
    over(page)
    page.get_by_role("button", name="More for this query").click()
    page.get_by_role("button", name="Hide the tree").click()
    expect(tree).to_have_count(0)
    expect(page).to_have_url(re.compile("show_tree=0"))


@pytest.mark.parametrize("kind", ["huge", "tiny", "largest", "negative", "zero"])
def test_values_of_any_size_have_an_axis(kind: str, watched: Any, now_ms: int) -> None:
    query = f'last_over_time(extreme{{kind="{kind}"}}[1h])'
    page = watched.open(link(query, tab="graph", end_input=utc(now_ms + 600_000)))
    over(page)
    entry = page.get_by_role("list", name="Series of the graph").get_by_role("button")
    expect(entry).to_have_count(1)
    expect(entry).to_contain_text(re.compile(r"[0-9]"))


def test_what_is_no_number_is_in_the_table(watched: Any, now_ms: int) -> None:
    page = watched.open(link("extreme", tab="table", moment_input=utc(now_ms)))
    table = page.get_by_role("table", name="Result")
    expect(table.get_by_role("row")).to_have_count(8)
    for text in ("NaN", "+Inf", "1e+300", "1e-300"):
        expect(table.get_by_role("cell", name=text, exact=True)).to_be_visible()
    table.get_by_role("button", name="value").click()
    expect(table.get_by_role("row").nth(1)).to_contain_text("+Inf")
    expect(table.get_by_role("row").last).to_contain_text("NaN")
    page.get_by_role("tab", name="Graph").click()
    over(page)


def test_a_link_with_several_panels(watched: Any, now_ms: int) -> None:
    page = watched.open(link("up", RATE, tab="table", moment_input=utc(now_ms)))
    expect(page.get_by_role("table", name="Result")).to_have_count(2)
    page.get_by_role("button", name="Add a query").click()
    editor = page.get_by_role("textbox", name="Expression 3")
    editor.fill("vector(3)")
    editor.press("Escape")
    page.get_by_role("region", name="Query 3").get_by_role("button", name="Run").click()
    over(page)
    second = page.get_by_role("region", name="Query 2")
    second.get_by_role("tab", name="Explain").click()
    expect(second.locator(".step")).to_have_count(3)
    copied = page.url
    other = page.context.new_page()
    other.goto(copied)
    over(other)
    expect(other.get_by_role("region", name=re.compile("^Query "))).to_have_count(3)
    expect(other.get_by_role("table", name="Result")).to_have_count(1)
    expect(other.locator(".step")).to_have_count(3)
    assert other.url == copied
    third = other.get_by_role("region", name="Query 3")
    third.get_by_role("button", name="More for this query").click()
    third.get_by_role("button", name="Remove").click()
    expect(other.get_by_role("region", name=re.compile("^Query "))).to_have_count(2)
    other.go_back()
    expect(other.get_by_role("region", name=re.compile("^Query "))).to_have_count(3)
    other.close()


def test_what_was_asked_before(watched: Any) -> None:
    for expr in ("vector(5)", "vector(6)"):
        page = watched.open(link("", tab="table"))
        editor = page.get_by_role("textbox", name="Expression 1")
        editor.fill(expr)
        editor.press("Escape")
        page.get_by_role("button", name="Run").click()
        expect(page).to_have_url(re.compile(re.escape(quote(expr))))
    page = watched.open(link("", tab="table"))
    page.get_by_role("button", name="Expressions asked before").click()
    picks = page.locator(".picks button")
    expect(picks).to_have_text(["vector(6)", "vector(5)"])
    picks.nth(1).click()
    expect(page.get_by_role("textbox", name="Expression 1")).to_have_text("vector(5)")
    expect(page).to_have_url(re.compile(re.escape(quote("vector(5)"))))


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ('up{job="nothing"}', "No series"),
        ("vector(1", "unclosed left parenthesis"),
        ("up offset 1e9d", "parse error"),
        ("\u202eup", "parse error"),
        ("a" * 9_000, "No series"),
    ],
)
@pytest.mark.parametrize("tab", ["graph", "table"])
def test_odd_queries_are_answered_in_words(tab: str, query: str, said: str, watched: Any) -> None:
    page = watched.open(link(query, tab=tab))
    expect(page.locator(".outcome")).to_contain_text(said)
