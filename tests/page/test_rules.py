"""Rules and alerts as the page shows them, of a server that evaluates some."""

from __future__ import annotations

import re
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
"""


async def nothing(api: RealApi) -> None:
    pass


def test_rules_and_alerts(browser: Any, tmp_path: Path) -> None:
    folder = tmp_path / "rules" / "edge"
    folder.mkdir(parents=True)
    (folder / "shelves.yml").write_text(RULES)
    settings = {"storage.path": str(tmp_path / "d"), "rules.files": f"{tmp_path}/rules/*/*.yml"}
    with ServedProgram(settings, nothing) as served:
        page = browser.new_page()
        page.set_default_timeout(WAIT_MS)
        page.goto(f"{served.url}/ui/rules?tenant=edge")
        rules = page.get_by_role("list", name="Rules of shelves").get_by_role("listitem")
        expect(rules).to_have_count(2)
        expect(rules.nth(1)).to_contain_text(re.compile("ShelfEmpty.*alerting, firing, 1 alert"))
        page.get_by_role("searchbox", name="Find a rule").fill("moves")
        expect(rules).to_have_count(1)
        page.get_by_role("link", name="Alerts").click()
        alert = page.get_by_role("list", name="Alerts").get_by_role("listitem")
        expect(alert).to_contain_text("It has 7 left")
        expect(alert).to_contain_text('shelf="<b>1</b>"')
        page.get_by_role("button", name="Pending").click()
        expect(page.get_by_role("heading", name="No pending alerts")).to_be_visible()
        page.close()
