"""Rules and alerts as the page shows them, of a server that evaluates some."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Any

from playwright.sync_api import expect

from tests.makers.real_api import RealApi, ServedProgram

WAIT_MS = 300_000
RULES = """
groups:
  - name: shelves
    interval: 1s
    rules:
      - record: shelf:moves:sum
        expr: vector(3)
      - alert: ShelfEmpty
        expr: vector(7) > 5
        labels: {severity: page, shelf: <b>1</b>}
        annotations: {summary: 'It has {{ $value }} left'}
      - record: shelf:never
        expr: twice * on () vector(1) * on () twice
"""


async def fill(api: RealApi) -> None:
    """Two series that no operator can tell apart."""
    now_ms = time.time_ns() // 1_000_000
    await api.write(
        *(({"__name__": "twice", "side": side}, [(now_ms, 1.0)]) for side in "ab"), tenant="edge"
    )


def test_rules_and_alerts(browser: Any, tmp_path: Path) -> None:
    folder = tmp_path / "rules" / "edge"
    folder.mkdir(parents=True)
    (folder / "shelves.yml").write_text(RULES)
    settings = {"storage.path": str(tmp_path / "d"), "rules.files": f"{tmp_path}/rules/*/*.yml"}
    with ServedProgram(settings, fill) as served:
        page = browser.new_page()
        page.set_default_timeout(WAIT_MS)
        page.goto(f"{served.url}/ui/rules?tenant=edge")
        rules = page.get_by_role("list", name="Rules of shelves").get_by_role("listitem")
        expect(rules).to_have_count(3)
        expect(rules.nth(1)).to_contain_text(re.compile("ShelfEmpty.*alerting, firing, 1 alert"))
        expect(rules.nth(2)).to_contain_text("recording, failing")
        group = page.get_by_role("region", name="Group shelves")
        expect(group).to_contain_text(re.compile("every 1s, evaluated"))
        rules.nth(1).get_by_role("button", name="ShelfEmpty").click()
        detail = page.get_by_role("dialog", name="ShelfEmpty")
        expect(detail).to_contain_text("Series read")
        expect(detail).to_contain_text("<b>1</b>")
        expect(detail).to_contain_text("It has {{ $value }} left")
        expect(detail.get_by_role("list", name="Alerts of this rule")).to_contain_text("active")
        page.keyboard.press("Escape")
        page.get_by_role("button", name="Failing").click()
        expect(rules).to_have_count(1)
        expect(rules.first).to_contain_text("many-to-one matching must be explicit")
        page.get_by_role("button", name="All").click()
        page.get_by_role("searchbox", name="Find a rule").fill("moves")
        expect(rules).to_have_count(1)
        page.get_by_role("link", name="Alerts").click()
        alert = page.get_by_role("list", name="Alerts").get_by_role("listitem")
        expect(alert).to_contain_text("It has 7 left")
        expect(alert).to_contain_text('shelf="<b>1</b>"')
        alert.get_by_role("button", name="ShelfEmpty").click()
        expect(page.get_by_role("dialog")).to_contain_text("Active since")
        expect(page.get_by_role("dialog").get_by_role("link")).to_contain_text("vector(7) > 5")
        page.keyboard.press("Escape")
        expect(page.get_by_text("No Alertmanager is told of them.")).to_be_visible()
        page.get_by_role("button", name="Pending").click()
        expect(page.get_by_role("heading", name="No pending alerts")).to_be_visible()
        page.close()
