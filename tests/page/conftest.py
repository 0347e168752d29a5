"""A browser and a program with data, for the tests of the page.

Debian's chromium is driven by playwright; where it is not installed these tests are skipped. Every
wait is for a state, with a limit that only a broken page reaches, however busy the machine is.
"""

from __future__ import annotations

import shutil
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.makers.page.scene import SETTINGS, fill
from tests.makers.real_api import ServedProgram

WAIT_MS = 300_000
WARM_S_MAX = 1_200
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
# The last of these: without them it looks for hosts on the Internet at every start.
FLAGS = (
    *("--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-quic", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update", "--disable-dev-shm-usage"),
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if CHROMIUM is None:
        skip = pytest.mark.skip(reason="chromium is not installed: Debian's package of that name")
        for item in items:
            if Path(__file__).parent in item.path.parents:
                item.add_marker(skip)


@dataclass
class Watched:
    """A page, and what it did that it must not do."""

    page: Any
    base: str
    errors: list[str] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)

    def open(self, path: str) -> Any:
        self.page.goto(self.base + path)
        return self.page

    def note_console(self, message: Any) -> None:
        # A refused query is one that the test asked for; everything else is a fault.
        if (
            message.type == "error"
            and "the server responded with a status of 4" not in message.text
        ):
            self.errors.append(message.text)

    def note_request(self, request: Any) -> None:
        parts = urlsplit(request.url)
        if parts.scheme not in ("data", "blob") and parts.hostname != "127.0.0.1":
            self.foreign.append(request.url)


# Of a module and not of the session: playwright keeps an event loop in this thread, and tests that
# run one of their own would find it.
@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=WAIT_MS)
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        yield started
        started.close()


@pytest.fixture(scope="module")
def now_ms() -> int:
    """The time of the newest sample: a whole minute, and one that is over."""
    return (time.time_ns() // 60_000_000_000) * 60_000


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory, now_ms: int) -> Iterator[ServedProgram]:
    path = {"storage.path": str(tmp_path_factory.mktemp("page"))}
    with ServedProgram(SETTINGS | path, lambda api: fill(api, now_ms)) as served:
        wait_until_warm(served.url)
        yield served


def wait_until_warm(url: str) -> None:
    """Kernels that are compiled for the first time would use up the limits of all waits."""
    for _ in range(WARM_S_MAX):
        with urllib.request.urlopen(f"{url}/metrics", timeout=WARM_S_MAX) as response:
            if "\ncupola_kernels_warm 1" in response.read().decode():
                return
        time.sleep(1)
    raise AssertionError(f"kernels are not warm after {WARM_S_MAX} s")


@pytest.fixture
def watched(browser: Any, program: ServedProgram) -> Iterator[Watched]:
    """A fresh page, as of a new visitor."""
    context = browser.new_context(
        viewport={"width": 1400, "height": 900}, locale="en-GB", reduced_motion="reduce"
    )
    context.set_default_timeout(WAIT_MS)
    page = context.new_page()
    seen = Watched(page, program.url)
    page.on("console", seen.note_console)
    page.on("pageerror", lambda error: seen.errors.append(str(error)))
    page.on("request", seen.note_request)
    yield seen
    assert page.evaluate("window.hurt") is None, "a text of the data was run as a script"
    context.close()
    assert (seen.errors, seen.foreign) == ([], [])
