"""Names and values that look like markup, point the wrong way or are too long are texts on each
page; the fixture `watched` looks for any script that was run."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote

import pytest
from playwright.sync_api import expect

from tests.makers.page.scene import HOSTILE

PAGES = ("ask", "metrics", "tenants", "replicas", "refused", "queries", "segments", "cardinality")
MARKUP = HOSTILE[0]
# To the newest point, which is at the right.
TO_THE_END = """(over) => {
    const box = over.getBoundingClientRect();
    for (let x = box.width - 1; x > 0 && !over.querySelector(".tooltip:not([hidden])"); x -= 1) {
        const at = { clientX: box.left + x, clientY: box.top + box.height / 2 };
        over.dispatchEvent(new MouseEvent("mousemove", { ...at, bubbles: true }));
    }
}"""
TEXT = "<script>window.hurt=1</script>"


def settled(page: Any) -> None:
    expect(page.locator("h1")).to_have_count(1)
    expect(page.locator(".loading")).to_have_count(0)


@pytest.mark.parametrize("name", PAGES)
def test_no_text_of_a_tenant_is_run(name: str, watched: Any) -> None:
    page = watched.open(f"/ui/{name}?tenant=hostile")
    settled(page)
    expect(page.get_by_role("alert")).to_have_count(0)


@pytest.mark.parametrize("text", HOSTILE)
def test_a_metric_of_that_name(text: str, watched: Any) -> None:
    page = watched.open(f"/ui/metrics?tenant=hostile&metric={quote(text)}")
    about = page.locator(".metric-about")
    expect(about.locator(".tops").first).to_be_visible()
    about.locator(".questions a").first.click()
    expect(page.locator('.plot[aria-busy="false"]')).to_be_visible()
    expect(page.locator(".legend")).to_contain_text(re.compile(r"number="))
    page.locator(".plot .u-over").evaluate(TO_THE_END)
    expect(page.locator(".tooltip")).to_be_visible()


@pytest.mark.parametrize(
    "path",
    [
        f"/ui/ask?tenant={quote(MARKUP)}&g0.expr=up",
        f"/ui/ask?tenant=hostile&g0.expr={quote(TEXT)}&g0.tab=table",
        f"/ui/ask?tenant=hostile&g0.expr=up&g0.range_input={quote(TEXT)}&g0.tab=graph",
        f"/ui/cardinality?tenant=hostile&match={quote(TEXT)}",
        f"/ui/cardinality?tenant=hostile&by={quote(TEXT)}&before={quote(TEXT)}",
        f"/ui/refused?tenant=hostile&reason={quote(TEXT)}",
        f"/ui/tenants?find={quote(TEXT)}&part={quote(TEXT)}",
        f"/ui/replicas?tenant=hostile&range={quote(TEXT)}",
        f"/ui/segments?tenant=hostile&shard={quote(TEXT)}",
        f"/ui/status?view={quote(TEXT)}",
    ],
)
def test_addresses_of_strangers(path: str, watched: Any) -> None:
    page = watched.open(path)
    settled(page)
