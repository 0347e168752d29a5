"""What goes wrong between the page and the server is told in words, and mends itself."""

from __future__ import annotations

import re
from email.utils import formatdate
from pathlib import Path
from typing import Any

import bcrypt
import pytest
from playwright.sync_api import expect

from tests.makers.page.scene import SETTINGS
from tests.makers.real_api import RealApi, ServedProgram

WAIT_MS = 300_000
TABLE = "/ui/ask?tenant=edge&g0.expr=vector(1)&g0.tab=table"
AUTH = """
users:
  alice: {tenants: [edge], rights: [read, write]}
"""


def opened(browser: Any) -> Any:
    page = browser.new_page()
    page.set_default_timeout(WAIT_MS)
    return page


def test_a_server_that_is_gone_and_comes_back(browser: Any, program: ServedProgram) -> None:
    page = opened(browser)
    page.goto(program.url + TABLE)
    expect(page.get_by_role("cell").last).to_have_text("1")
    page.context.set_offline(True)
    page.get_by_role("button", name="Run").click()
    expect(page.get_by_role("alert")).to_contain_text("The server cannot be reached.")
    page.context.set_offline(False)
    page.get_by_role("button", name="Run").click()
    expect(page.get_by_role("cell").last).to_have_text("1")
    expect(page.get_by_role("alert")).to_have_count(0)
    page.close()


def test_a_page_that_looks_again_recovers_by_itself(browser: Any, program: ServedProgram) -> None:
    page = opened(browser)
    page.goto(f"{program.url}/ui/queries?tenant=edge")
    heading = page.get_by_role("heading", name="Slow ones of late")
    expect(heading).to_be_visible()
    page.context.set_offline(True)
    expect(page.get_by_role("alert")).to_contain_text("The server cannot be reached.")
    # What was there stays in sight.
    expect(heading).to_be_visible()
    page.context.set_offline(False)
    expect(page.get_by_role("alert")).to_have_count(0)
    page.close()


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (502, "<html><script>window.hurt=1</script></html>", "The server answered 502."),
        (503, "still starting", "still starting"),
        (429, '{"status":"error","errorType":"throttled","error":"too many"}', "too many"),
        (200, '{"status":"succ', "cannot be read"),
    ],
)
def test_answers_of_no_use(
    status: int, body: str, said: str, browser: Any, program: ServedProgram
) -> None:
    page = opened(browser)
    page.route("**/api/v1/query", lambda route: route.fulfill(status=status, body=body))
    page.goto(program.url + TABLE)
    expect(page.get_by_role("alert")).to_contain_text(said)
    assert page.evaluate("window.hurt") is None
    page.close()


def test_a_slow_answer_can_be_canceled(browser: Any, program: ServedProgram) -> None:
    page = opened(browser)
    held: list[Any] = []
    page.route("**/api/v1/query", lambda route: held.append(route))
    page.goto(program.url + TABLE)
    expect(page.get_by_role("status").first).to_contain_text("Asking")
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("alert")).to_contain_text("Canceled.")
    page.unroute("**/api/v1/query")
    page.get_by_role("button", name="Run").click()
    expect(page.get_by_role("cell").last).to_have_text("1")
    page.close()


@pytest.mark.parametrize(("seconds", "said"), [(-3_600, "ahead of"), (3_600, "behind")])
def test_a_wrong_clock_is_told(
    seconds: int, said: str, browser: Any, program: ServedProgram
) -> None:
    page = opened(browser)

    def shifted(route: Any) -> None:
        answer = route.fetch()
        now = page.evaluate("Date.now()") / 1000
        date = formatdate(now + seconds, usegmt=True)
        route.fulfill(response=answer, headers={**answer.headers, "date": date})

    page.route("**/api/v1/status/tenants", shifted)
    page.goto(program.url + TABLE)
    expect(
        page.get_by_text(re.compile(f"clock of this browser is .* {said} the server"))
    ).to_be_visible()
    page.close()


async def nothing(api: RealApi) -> None:
    pass


def test_a_name_and_password(browser: Any, tmp_path: Path) -> None:
    """The browser itself asks for them, and sends them with what the page asks."""
    hashed = bcrypt.hashpw(b"secret", bcrypt.gensalt(4)).decode()
    (tmp_path / "web.yml").write_text(f"basic_auth_users:\n  alice: {hashed}\n")
    (tmp_path / "auth.yml").write_text(AUTH)
    settings = SETTINGS | {
        "storage.path": str(tmp_path / "d"),
        "web.config.file": str(tmp_path / "web.yml"),
        "auth.file": str(tmp_path / "auth.yml"),
    }
    with ServedProgram(settings, nothing) as served:
        credentials = {"username": "alice", "password": "secret"}
        context = browser.new_context(http_credentials=credentials)
        page = context.new_page()
        page.set_default_timeout(WAIT_MS)
        # What she may not do is told in words, and the rest of the page goes on.
        page.goto(f"{served.url}/ui/segments?tenant=edge")
        expect(page.get_by_role("alert")).to_contain_text("no right to metrics")
        expect(page.get_by_role("alert")).to_contain_text("Your credential does not allow this")
        page.goto(f"{served.url}/ui/ask?tenant=other&g0.expr=up")
        expect(page.get_by_role("alert")).to_contain_text("no right to this tenant")
        page.goto(f"{served.url}/ui/ask?tenant=edge&g0.expr=vector(1)&g0.tab=table")
        expect(page.get_by_role("cell").last).to_have_text("1")
        context.close()


def test_many_tenants_are_shown_in_parts(browser: Any, program: ServedProgram) -> None:
    names = [f"team-{number:04}" for number in range(120)]
    page = opened(browser)
    page.route(
        "**/api/v1/status/tenants",
        lambda route: route.fulfill(json={"status": "success", "data": {"tenants": names}}),
    )
    page.goto(f"{program.url}/ui/tenants?tenant=edge")
    rows = page.get_by_role("table", name="Tenants").get_by_role("row")
    expect(rows.nth(1)).to_contain_text("team-0000")
    expect(page.get_by_text("1 to 50 of 120")).to_be_visible()
    page.get_by_role("button", name="Later names").click()
    expect(rows.nth(1)).to_contain_text("team-0050")
    page.get_by_role("button", name="Later names").click()
    expect(page.get_by_text("101 to 120 of 120")).to_be_visible()
    expect(page.get_by_role("button", name="Later names")).to_be_disabled()
    page.get_by_role("searchbox", name="Find a tenant").fill("0099")
    expect(rows).to_have_count(2)
    expect(rows.nth(1)).to_contain_text("team-0099")
    page.get_by_role("searchbox", name="Find a tenant").fill("nobody")
    expect(page.get_by_role("heading", name="No tenant with these letters")).to_be_visible()
    page.close()
