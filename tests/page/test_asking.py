"""Asking: by completion, as a graph and a table that agree with the API, by links, by dragging."""

from __future__ import annotations

import json
import re
import urllib.request
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, quote, urlencode, urlsplit

from playwright.sync_api import Page, expect

from tests.makers.real_api import ServedProgram

PRESSES_MAX = 500
# Steps that meet the end of the range.
MINUTES = {"res_type": "fixed", "res_step": "60"}


def link(expr: str, **params: str) -> str:
    given = {f"g0.{name}": text for name, text in params.items() if name != "tenant"}
    tenant = {"tenant": params.get("tenant", "edge")}
    return "/graph?" + urlencode({"g0.expr": expr, **given, **tenant}, quote_via=quote)


def utc(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")


def ask(program: ServedProgram, query: str, tenant: str, **params: str) -> list[Any]:
    """The result that the API gives."""
    url = f"{program.url}/api/v1/query?{urlencode({'query': query, **params})}"
    request = urllib.request.Request(url, headers={"X-Scope-OrgID": tenant})
    with urllib.request.urlopen(request, timeout=60) as response:
        result: list[Any] = json.load(response)["data"]["result"]
        return result


def values(page: Page) -> list[str]:
    """The last cell of each row of the table."""
    rows = page.get_by_role("table", name="Result").get_by_role("row")
    expect(rows.first).to_be_visible()
    return [row.get_by_role("cell").last.inner_text() for row in rows.all()[1:]]


def state(page: Page) -> dict[str, str]:
    return {name: value[0] for name, value in parse_qs(urlsplit(page.url).query).items()}


def test_a_query_typed_by_completion(watched: Any, program: ServedProgram, now_ms: int) -> None:
    page = watched.open(link("", moment_input=utc(now_ms), tab="table"))
    editor = page.get_by_role("textbox", name="Expression 1")
    editor.click()
    editor.press_sequentially("sum(node_temp", delay=40)
    expect(page.get_by_role("option", name="node_temperature_celsius").first).to_be_visible()
    for _ in range(PRESSES_MAX):
        # For a moment after a list has opened, Enter is not yet for it.
        if editor.inner_text() == "sum(node_temperature_celsius)":
            break
        editor.press("Enter")
    editor.press("Enter")
    (row,) = ask(program, "sum(node_temperature_celsius)", "edge", time=str(now_ms / 1000))
    expect(page.get_by_role("table", name="Result")).to_be_visible()
    assert values(page) == [row["value"][1]]
    assert state(page)["g0.expr"] == "sum(node_temperature_celsius)"


def test_the_table_agrees_with_the_api(watched: Any, program: ServedProgram, now_ms: int) -> None:
    query = "sum by (handler) (rate(http_requests_total[5m]))"
    page = watched.open(link(query, tab="table", moment_input=utc(now_ms)))
    expected = ask(program, query, "edge", time=str(now_ms / 1000))
    assert len(expected) == 4
    assert sorted(values(page)) == sorted(row["value"][1] for row in expected)


def test_a_graph_and_its_legend(watched: Any, program: ServedProgram, now_ms: int) -> None:
    query = "sum by (handler) (rate(http_requests_total[5m]))"
    page = watched.open(link(query, tab="0", end_input=utc(now_ms), range_input="30m", **MINUTES))
    expect(page.locator(".plot canvas")).to_be_visible()
    entries = page.get_by_role("list", name="Series of the graph").get_by_role("button")
    expect(entries).to_have_count(4)
    shown = {
        e.inner_text().split("\n")[0]: float(e.inner_text().split("\n")[1]) for e in entries.all()
    }
    for row in ask(program, query, "edge", time=str(now_ms / 1000)):
        name = f'{{handler="{row["metric"]["handler"]}"}}'
        assert abs(shown[name] / float(row["value"][1]) - 1) < 1e-3
    entries.nth(1).click()
    pressed = [entry.get_attribute("aria-pressed") for entry in entries.all()]
    assert pressed == ["false", "true", "false", "false"]
    # The choice is by label set: it outlasts another range.
    page.get_by_role("button", name="Longer range").click()
    expect(page).to_have_url(re.compile("range_input=1h"))
    expect(entries).to_have_count(4)
    assert [entry.get_attribute("aria-pressed") for entry in entries.all()] == pressed


def test_dragging_changes_the_range(watched: Any, now_ms: int) -> None:
    page = watched.open(link("up", tab="graph", end_input=utc(now_ms), range_input="1h"))
    over = page.locator(".plot .u-over")
    expect(over).to_be_visible()
    box = over.bounding_box()
    y = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] * 0.25, y)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.5, y, steps=8)
    page.mouse.up()
    expect(page).not_to_have_url(re.compile("range_input=1h"))
    expect(page.get_by_label("Range", exact=True).locator("input")).not_to_have_value("1h")
    now = state(page)
    minutes = re.fullmatch(r"(\d+)m(?:(\d+)s)?", now["g0.range_input"])
    assert minutes is not None and 14 <= int(minutes[1]) <= 16
    assert utc(now_ms - 31 * 60_000) < now["g0.end_input"] < utc(now_ms - 29 * 60_000)
    page.go_back()
    expect(page).to_have_url(re.compile("range_input=1h"))


def test_a_link_opens_what_it_was_copied_from(watched: Any, browser: Any, now_ms: int) -> None:
    page = watched.open(link("up", tab="table", moment_input=utc(now_ms)))
    page.get_by_role("tab", name="Graph").click()
    page.get_by_role("button", name="Stacked").click()
    page.get_by_label("Resolution").select_option("Low")
    page.get_by_label("Replicas").select_option("Each replica")
    expect(page).to_have_url(re.compile("dedup=false"))
    copied = page.url
    other = watched.page.context.new_page()
    other.goto(copied)
    expect(other.get_by_role("tab", name="Graph")).to_have_attribute("aria-selected", "true")
    expect(other.get_by_role("button", name="Stacked")).to_have_attribute("aria-pressed", "true")
    expect(other.get_by_label("Replicas")).to_have_value("false")
    expect(other.get_by_label("Resolution")).to_have_value("auto-low")
    expect(other.locator(".plot canvas")).to_be_visible()
    assert other.url == copied


def test_replicas_as_one_and_each_by_itself(watched: Any, now_ms: int) -> None:
    moment = utc(now_ms - 30 * 60_000)
    page = watched.open(link("up", tab="table", moment_input=moment))
    rows = page.get_by_role("table", name="Result").get_by_role("row")
    expect(rows).to_have_count(4)
    page.get_by_label("Replicas").select_option("Each replica")
    expect(rows).to_have_count(7)
    expect(page.get_by_role("columnheader", name="prometheus_replica")).to_be_visible()
    page.get_by_label("Replicas").select_option("As one: chain")
    expect(rows).to_have_count(4)


def test_another_tenant(watched: Any, program: ServedProgram, now_ms: int) -> None:
    query = "sum(rate(http_requests_total[5m]))"
    page = watched.open(link(query, tab="table", moment_input=utc(now_ms)))
    first = values(page)
    page.get_by_role("button", name="Tenant edge").click()
    page.get_by_role("button", name="lab").click()
    expect(page).to_have_url(re.compile("tenant=lab"))
    (row,) = ask(program, query, "lab", time=str(now_ms / 1000))
    expect(page.get_by_role("cell").last).to_have_text(row["value"][1])
    assert values(page) != first
    page.go_back()
    expect(page.get_by_role("cell").last).to_have_text(first[0])


def test_an_error_is_shown_where_it_is(watched: Any) -> None:
    page = watched.open(link("sum(rate(up))", tab="table"))
    expect(page.get_by_role("alert")).to_contain_text("expected type range vector")
    marked = page.locator(".cm-lintRange-error")
    expect(marked).to_have_text("up")


def test_the_graph_coloured_by_replica(watched: Any, now_ms: int) -> None:
    page = watched.open(
        link("up", tab="graph", end_input=utc(now_ms), range_input="1h", replicas="1")
    )
    legend = page.locator(".replica-legend li")
    expect(legend).to_have_count(2)
    expect(legend.nth(0)).to_contain_text('prometheus_replica="a"')
    expect(legend.nth(1)).to_contain_text('prometheus_replica="b"')


def test_buckets_as_a_heat_map(watched: Any, now_ms: int) -> None:
    query = "sum by (le) (rate(http_request_duration_seconds_bucket[5m]))"
    page = watched.open(link(query, tab="graph", end_input=utc(now_ms), display_mode="heatmap"))
    expect(page.locator(".plot canvas")).to_be_visible()
    expect(page.locator(".legend")).to_have_count(0)
    page.locator(".plot .u-over").hover()
    expect(page.locator(".tooltip")).to_contain_text("to")


def test_hostile_texts_are_texts(watched: Any, now_ms: int) -> None:
    page = watched.open(
        link('{number=~".+"}', tab="table", moment_input=utc(now_ms), tenant="hostile")
    )
    table = page.get_by_role("table", name="Result")
    expect(table.get_by_role("row")).to_have_count(10)
    expect(table).to_contain_text("<script>window.hurt=1</script>")
    expect(table).to_contain_text("‹U+202E›gnp.exe")
    page.get_by_role("button", name=re.compile("details of .*long")).first.click()
    expect(page.get_by_role("dialog")).to_contain_text("long long long")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.get_by_role("tab", name="Graph").click()
    expect(page.locator(".plot canvas")).to_be_visible()
    expect(page.locator(".legend")).to_contain_text("<script>")


def test_the_welcome_shows_the_pair_and_asks(watched: Any) -> None:
    page = watched.open("/?tenant=edge")
    expect(page.get_by_role("heading", name=re.compile("a pair of replicas"))).to_be_visible()
    pair = page.locator(".pair")
    expect(pair).to_contain_text('cluster="edge-1"')
    expect(pair).to_contain_text("silent")
    page.get_by_role("button", name=re.compile("What is up")).click()
    expect(page).to_have_url(re.compile(r"g0\.expr=up"))
    expect(page.get_by_role("table", name="Result")).to_be_visible()


def test_the_steps_of_an_expression(watched: Any, now_ms: int) -> None:
    query = "sum by (handler) (rate(http_requests_total[5m]))"
    page = watched.open(link(query, tab="explain", moment_input=utc(now_ms)))
    steps = page.locator(".step")
    expect(steps).to_have_count(3)
    expect(steps.nth(0)).to_contain_text("4 series")
    expect(steps.nth(2)).to_contain_text("http_requests_total[5m]")
    expect(steps.nth(2)).to_contain_text("samples read")
    steps.nth(0).get_by_role("button", name="Fold").click()
    expect(steps).to_have_count(1)
