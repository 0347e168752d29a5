"""Watching and the store: replicas, refused samples, tenants, queries, segments, cardinality."""

from __future__ import annotations

import re
import threading
from typing import Any

import pytest
from playwright.sync_api import expect

from api.promql.engine import Engine
from tests.makers.real_api import ServedProgram

PAGES = {
    "metrics": "Metrics",
    "tenants": "Tenants",
    "replicas": "Replicas",
    "refused": "Refused samples",
    "rules": "Rules",
    "alerts": "Alerts",
    "queries": "Running queries",
    "segments": "Segments",
    "head": "Head and log",
    "cardinality": "Cardinality",
    "status": "Status",
}


def test_a_pair_with_one_silent_replica(watched: Any) -> None:
    page = watched.open("/ui/replicas?tenant=edge")
    group = page.get_by_role("article", name='Group {cluster="edge-1"}')
    expect(group).to_contain_text("1 of 2 silent")
    rows = group.get_by_role("table", name="Replicas").get_by_role("row")
    expect(rows).to_have_count(3)
    expect(rows.nth(1)).to_contain_text(re.compile(r'replica="a"\}\s*sends'))
    expect(rows.nth(2)).to_contain_text(re.compile(r'replica="b"\}\s*silent'))
    lanes = group.locator(".used li")
    expect(lanes).to_have_count(2)
    # Replica a was away for six minutes, which is when b was used.
    expect(lanes.nth(0).locator("rect")).to_have_count(2)
    expect(lanes.nth(1).locator("rect")).to_have_count(1)
    group.get_by_role("link", name="Ask, coloured by replica").click()
    expect(page.locator(".replica-legend li")).to_have_count(2)


def test_refused_samples(watched: Any) -> None:
    page = watched.open("/ui/refused?tenant=edge")
    tile = page.get_by_role("button", name=re.compile("duplicate"))
    expect(tile).to_contain_text("5")
    rows = page.get_by_role("table", name="Refused series").get_by_role("row")
    expect(rows).to_have_count(6)
    expect(rows.nth(1)).to_contain_text("Prometheus/2.53.0")
    page.get_by_role("button", name=re.compile('refused_total.*shelf="4"')).click()
    detail = page.get_by_role("dialog", name="Refused")
    expect(detail).to_contain_text("another value than the newest sample of the series")
    expect(detail).to_contain_text("127.0.0.1")
    detail.get_by_role("button", name="Close").click()
    expect(detail).to_have_count(0)
    tile.click()
    expect(page).to_have_url(re.compile("reason=duplicate"))
    expect(rows).to_have_count(6)


def test_segments(watched: Any, program: ServedProgram) -> None:
    page = watched.open("/ui/segments?tenant=edge")
    bars = page.get_by_role("figure", name="Segments by time").get_by_role("button")
    expect(bars.first).to_be_visible()
    bars.first.click()
    detail = page.get_by_role("dialog")
    expect(detail).to_contain_text("bytes a sample")
    expect(detail).to_contain_text("on this disk")
    page.keyboard.press("Escape")
    expect(detail).to_have_count(0)
    expect(page.get_by_role("table", name="All segments").get_by_role("row").nth(1)).to_be_visible()


def test_tenants(watched: Any) -> None:
    page = watched.open("/ui/tenants?tenant=edge")
    rows = page.get_by_role("table", name="Tenants").get_by_role("row")
    expect(rows).to_have_count(4)
    expect(rows.nth(1)).to_contain_text(re.compile("^edge"))
    expect(rows.nth(3)).to_contain_text(re.compile("^lab39"))
    rows.nth(3).get_by_role("link").click()
    expect(page.get_by_role("button", name="Tenant lab")).to_be_visible()


def test_slow_queries(watched: Any) -> None:
    page = watched.open("/ui/queries?tenant=edge")
    expect(page.get_by_role("heading", name="Nothing is running")).to_be_visible()
    expect(page.get_by_role("heading", name="Slow ones of late")).to_be_visible()


def test_a_query_is_ended_by_a_button(watched: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    door, evaluate = threading.Event(), Engine.range_query

    def held(*args: Any, **kwargs: Any) -> Any:
        door.wait(1_000)
        return evaluate(*args, **kwargs)

    monkeypatch.setattr(Engine, "range_query", held)
    try:
        asker = watched.open("/ui/ask?tenant=edge&g0.expr=sum(up)&g0.tab=graph")
        page = asker.context.new_page()
        page.goto(f"{watched.base}/ui/queries?tenant=edge")
        running = page.get_by_role("table", name="Running")
        expect(running).to_contain_text("sum(up)")
        with page.expect_response(lambda answer: answer.request.method == "DELETE"):
            running.get_by_role("button", name="End sum(up)").click()
    finally:
        door.set()
    expect(asker.get_by_role("alert")).to_contain_text("canceled")
    expect(page.get_by_role("heading", name="Nothing is running")).to_be_visible()
    page.close()


def test_cardinality_and_what_has_changed(watched: Any) -> None:
    page = watched.open("/ui/cardinality?tenant=edge")
    metrics = page.get_by_role("region", name="Metrics by number of series")
    expect(metrics).to_contain_text("http_requests_total")
    page.get_by_label("Compare with").select_option("A day before")
    expect(page.get_by_role("table", name="What has changed")).to_contain_text("+24")
    uses = page.get_by_role("table", name="What takes the most")
    expect(uses).to_contain_text("http_requests_total")
    for name in ("Samples", "In segments", "Began", "Ended"):
        expect(uses.get_by_role("button", name=name)).to_be_visible()
    page.get_by_role("button", name="Pairs").click()
    uses.get_by_role("button", name="job=db").click()
    expect(page.get_by_label("Only series of")).to_have_value('{job="db"}')
    page.get_by_label("Only series of").fill("")
    page.get_by_label("Only series of").press("Enter")
    metrics.get_by_role("button", name="http_requests_total", exact=True).click()
    expect(page).to_have_url(re.compile("match="))
    expect(metrics.get_by_role("listitem")).to_have_count(1)
    page.get_by_role("button", name="handler", exact=True).click()
    expect(page.get_by_role("heading", name="What has changed, by handler")).to_be_visible()


def test_metrics_with_type_and_help(watched: Any) -> None:
    page = watched.open("/ui/metrics?tenant=edge")
    page.get_by_role("searchbox", name="Find a metric").fill("requests")
    metric = page.get_by_role("button", name=re.compile("^http_requests_total"))
    expect(metric).to_contain_text("counter. Requests that were answered")
    expect(page.get_by_role("list", name="Metrics").get_by_role("listitem")).to_have_count(1)
    metric.click()
    about = page.get_by_role("region", name="Metric http_requests_total")
    expect(about).to_contain_text("handler")
    about.get_by_role("link", name="rate(http_requests_total[5m])", exact=True).click()
    expect(page.locator(".plot canvas")).to_be_visible()


@pytest.mark.parametrize("name", PAGES)
def test_every_page_opens_alone_and_from_the_list(name: str, watched: Any) -> None:
    page = watched.open(f"/ui/{name}?tenant=edge")
    heading = page.get_by_role("heading", level=1)
    expect(heading).to_have_text(PAGES[name])
    page.get_by_role("link", name="Query").click()
    page.get_by_role("link", name=PAGES[name], exact=True).click()
    expect(heading).to_have_text(PAGES[name])
    expect(page.get_by_role("alert")).to_have_count(0)


def test_a_page_that_there_is_not(watched: Any) -> None:
    page = watched.open("/ui/nonsense")
    expect(page.get_by_role("heading", name="No such page")).to_be_visible()


def test_the_settings_in_force(watched: Any) -> None:
    page = watched.open("/ui/status?tenant=edge")
    expect(page.get_by_text("Time of the server")).to_be_visible()
    page.get_by_role("button", name="Settings").click()
    page.get_by_role("searchbox", name="Find a setting").fill("replica-labels")
    rows = page.get_by_role("table", name="Settings").get_by_role("row")
    expect(rows).to_have_count(2)
    expect(rows.last).to_contain_text("prometheus_replica")
    page.get_by_role("button", name="Configuration").click()
    expect(page.locator(".code")).to_contain_text("replica-labels")


def test_the_processes_and_the_stores(watched: Any) -> None:
    page = watched.open("/ui/status?tenant=edge")
    page.get_by_role("button", name="Processes").click()
    rows = page.get_by_role("table", name="Processes").get_by_role("row")
    expect(rows).to_have_count(2)
    expect(rows.last).to_contain_text("open")
    broken = {
        "name": "sidecar:10901",
        "lastCheck": "2026-11-30T10:00:00Z",
        "lastError": "UNAVAILABLE: refused",
        "labelSets": [{"cluster": "edge-2"}],
        "minTime": -(2**63),
        "maxTime": 2**63 - 1,
    }
    page.route(
        "**/api/v1/stores",
        lambda route: route.fulfill(json={"status": "success", "data": {"sidecar": [broken]}}),
    )
    page.get_by_role("button", name="Stores").click()
    row = page.get_by_role("table", name="Stores").get_by_role("row").last
    for text in ("sidecar:10901", "UNAVAILABLE: refused", 'cluster="edge-2"', "open"):
        expect(row).to_contain_text(text)


@pytest.mark.parametrize("name", PAGES)
def test_a_page_whose_endpoints_are_not_there_says_so(name: str, watched: Any) -> None:
    page = watched.page
    page.route("**/api/v1/**", lambda route: route.fulfill(status=404, body="404 page not found"))
    page.route("**/metrics", lambda route: route.fulfill(status=404, body="404 page not found"))
    watched.open(f"/ui/{name}?tenant=edge")
    said = page.get_by_role("heading", name="This server does not have it")
    expect(said.first).to_be_visible()
    expect(page.get_by_role("alert")).to_have_count(0)
