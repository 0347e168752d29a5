"""Who may: keyboards, screen readers, names and tokens, prefixes, and an empty database."""

from __future__ import annotations

import re
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.makers.page.scene import SETTINGS
from tests.makers.real_api import RealApi, ServedProgram

WAIT_MS = 300_000

AXE = Path(__file__).resolve().parents[2] / ".venv/page/node_modules/axe-core/axe.min.js"
SERIOUS = ("serious", "critical")
ADDRESSES = {
    "welcome": ("/ui/ask?tenant=edge", ".pair"),
    "graph": ("/ui/ask?tenant=edge&g0.expr=up&g0.tab=graph", ".plot canvas"),
    "table": ("/ui/ask?tenant=edge&g0.expr=http_requests_total&g0.tab=table", "[role=cell]"),
    "explain": ("/ui/ask?tenant=edge&g0.expr=sum(up)&g0.tab=explain", ".step"),
    "error": ("/ui/ask?tenant=edge&g0.expr=sum(&g0.tab=table", "[role=alert]"),
    "metrics": ("/ui/metrics?tenant=edge&metric=up", ".tops"),
    "tenants": ("/ui/tenants?tenant=edge", "[role=cell]"),
    "replicas": ("/ui/replicas?tenant=edge", ".used svg"),
    "refused": ("/ui/refused?tenant=edge", "[role=cell]"),
    "rules": ("/ui/rules?tenant=edge", ".empty"),
    "alerts": ("/ui/alerts?tenant=edge", ".empty"),
    "queries": ("/ui/queries?tenant=edge", ".empty"),
    "segments": ("/ui/segments?tenant=edge", ".timeline"),
    "head": ("/ui/head?tenant=edge", "[role=cell]"),
    "cardinality": ("/ui/cardinality?tenant=edge&before=1h", ".tops"),
    "status": ("/ui/status?tenant=edge", ".pairs"),
    "processes": ("/ui/status?tenant=edge&view=processes", "[role=cell]"),
    "stores": ("/ui/status?tenant=edge&view=stores", "[role=cell]"),
    "settings": ("/ui/status?tenant=edge&view=settings", "[role=cell]"),
    "configuration": ("/ui/status?tenant=edge&view=configuration", ".code"),
    "tree": ("/ui/ask?tenant=edge&g0.expr=sum(up)&g0.tab=graph&g0.show_tree=1", ".step"),
    "heat map": ("/ui/ask?tenant=lab&g0.expr=rpc_duration_seconds&g0.tab=graph", ".plot canvas"),
}
# Of a screen and of a phone.
SIZES = ({"width": 1400, "height": 900}, {"width": 390, "height": 844})


@pytest.mark.skipif(not AXE.exists(), reason="axe-core is not there: `make page-tools`")
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", ADDRESSES)
def test_axe_finds_nothing_serious(
    name: str, scheme: Any, browser: Any, program: ServedProgram
) -> None:
    address, wanted = ADDRESSES[name]
    context = browser.new_context(bypass_csp=True, color_scheme=scheme, reduced_motion="reduce")
    page = context.new_page()
    page.set_default_timeout(WAIT_MS)
    page.goto(program.url + address)
    expect(page.locator(wanted).first).to_be_visible()
    page.add_script_tag(path=AXE)
    told = []
    for size in SIZES:
        page.set_viewport_size(size)
        expect(page.locator(wanted).first).to_be_visible()
        told += findings(page)
        assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]
    context.close()
    assert told == []


def findings(page: Any) -> list[str]:
    """What is serious, with the elements."""
    found = page.evaluate("axe.run({resultTypes: ['violations']})")["violations"]
    return [
        f"{one['id']}: {[node['html'][:120] for node in one['nodes'][:3]]}"
        for one in found
        if one["impact"] in SERIOUS
    ]


def test_the_keyboard_alone_is_enough(watched: Any) -> None:
    page = watched.open("/ui/ask?tenant=edge&g0.expr=up&g0.tab=table")
    tab = page.get_by_role("tab", name="Table")
    tab.focus()
    page.keyboard.press("ArrowLeft")
    expect(page.get_by_role("tab", name="Graph")).to_be_focused()
    expect(page.locator(".plot canvas")).to_be_visible()
    entry = page.get_by_role("list", name="Series of the graph").get_by_role("button").first
    entry.focus()
    page.keyboard.press("Enter")
    expect(entry).to_have_attribute("aria-pressed", "true")
    menu = page.get_by_role("button", name="More for this query")
    menu.focus()
    page.keyboard.press("Enter")
    page.get_by_role("switch", name="Y axis from zero").press("Space")
    expect(page).to_have_url(re.compile("y_axis_min=0"))
    page.keyboard.press("Escape")
    expect(menu).to_be_focused()


def test_a_phone_has_all_pages_behind_a_button(browser: Any, program: ServedProgram) -> None:
    context = browser.new_context(viewport={"width": 390, "height": 844}, reduced_motion="reduce")
    page = context.new_page()
    page.set_default_timeout(WAIT_MS)
    page.goto(f"{program.url}/ui/ask?tenant=edge&g0.expr=up&g0.tab=graph")
    expect(page.locator(".plot canvas")).to_be_visible()
    width = page.evaluate("document.documentElement.scrollWidth")
    assert width <= 390, "the page is wider than the screen"
    page.get_by_role("button", name="Pages").click()
    page.get_by_role("link", name="Replicas").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Replicas")
    expect(page.get_by_role("link", name="Segments")).to_be_hidden()
    context.close()


async def nothing(api: RealApi) -> None:
    pass


def test_an_empty_database_says_how_to_send(browser: Any, tmp_path: Path) -> None:
    with ServedProgram({"storage.path": str(tmp_path)}, nothing) as served:
        page = browser.new_page()
        page.set_default_timeout(WAIT_MS)
        page.goto(served.url)
        expect(page.get_by_role("heading", name="Nothing has been sent yet.")).to_be_visible()
        expect(page.locator(".code")).to_contain_text(f"url: {served.url}/api/v1/write")
        page.close()


def test_a_token_gets_in_and_a_wrong_one_does_not(browser: Any, tmp_path: Path) -> None:
    digest = sha256(b"right").hexdigest()
    grant = "{tenant: edge, rights: [read, write]"
    (tmp_path / "auth.yml").write_text(f"tokens:\n  a: {grant}, sha256: {digest}}}\n")
    settings = SETTINGS | {
        "storage.path": str(tmp_path / "d"),
        "auth.file": str(tmp_path / "auth.yml"),
    }
    with ServedProgram(settings, nothing) as served:
        page = browser.new_page()
        page.set_default_timeout(WAIT_MS)
        page.goto(served.url)
        form = page.get_by_role("heading", name="Who are you?")
        for token in ("wrong", "right"):
            expect(form).to_be_visible()
            page.get_by_label("Token").fill(token)
            page.get_by_role("button", name="Sign in").click()
        expect(form).to_have_count(0)
        expect(page.get_by_role("heading", name="Nothing has been sent yet.")).to_be_visible()
        page.reload()
        expect(page.get_by_role("heading", name="Nothing has been sent yet.")).to_be_visible()
        page.close()


def test_behind_a_prefix(browser: Any, tmp_path: Path) -> None:
    settings = {"storage.path": str(tmp_path), "web.route-prefix": "/in"}
    with ServedProgram(settings, nothing) as served:
        page = browser.new_page()
        page.set_default_timeout(WAIT_MS)
        page.goto(f"{served.url}/in/graph?g0.expr=vector(7)&g0.tab=1")
        expect(page.get_by_role("cell").last).to_have_text("7")
        assert page.url.startswith(f"{served.url}/in/ui/ask?")
        page.get_by_role("link", name="Segments").click()
        expect(page.get_by_role("heading", name="Nothing is sealed yet")).to_be_visible()
        page.close()


def test_times_are_local_if_wanted(browser: Any, program: ServedProgram) -> None:
    context = browser.new_context(timezone_id="Asia/Kolkata")
    page = context.new_page()
    page.set_default_timeout(WAIT_MS)
    page.goto(f"{program.url}/ui/ask?g0.expr=vector(1)&g0.moment_input=2026-11-30%2012:00:00")
    moment = page.get_by_role("textbox", name=re.compile("^Time "))
    expect(moment).to_have_value("2026-11-30 12:00:00")
    page.get_by_role("button", name=re.compile("^Times in UTC")).click()
    expect(moment).to_have_value("2026-11-30 17:30:00")
    page.get_by_role("button", name=re.compile("^Theme: Auto")).click()
    page.reload()
    expect(moment).to_have_value("2026-11-30 17:30:00")
    expect(page.locator("html")).to_have_attribute("data-theme", "light")
    context.close()
