"""What a trace says of a page's main thread: for the logs of tests, never to be asserted."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any

CATEGORIES = ["toplevel", "devtools.timeline"]
MAIN_THREAD = "CrRendererMain"
TASK = "ThreadControllerImpl::RunTask"
FRAMES = """() => {
    const seen = []; let last = performance.now();
    const look = (now) => { seen.push(now - last); last = now; requestAnimationFrame(look); };
    requestAnimationFrame(look);
    window.framesSeen = () => {
        const sorted = seen.splice(0).sort((a, b) => a - b);
        const at = (share) => (sorted[Math.floor(share * (sorted.length - 1))] ?? 0).toFixed(0);
        return `${sorted.length} frames, median ${at(0.5)} ms, longest ${at(1)} ms`;
    };
}"""


def log(what: str, text: str) -> None:
    sys.stdout.write(f"{what}: {text}\n")


def watch_frames(page: Any) -> None:
    """Count frames from the next document on."""
    page.add_init_script(f"({FRAMES})()")


def traced(browser: Any, page: Any, what: str, act: Callable[[], None]) -> None:
    """Do something and log what frames took, and the longest task of the main thread: by the clock,
    and of the processor, which is what it would take on an idle machine."""
    if page.url != "about:blank":
        page.evaluate("window.framesSeen?.()")
    browser.start_tracing(page=page, categories=CATEGORIES)
    try:
        act()
    finally:
        trace = browser.stop_tracing()
    events = json.loads(trace)["traceEvents"]
    log(what, f"{page.evaluate('window.framesSeen()')}; {longest_task(events)}")


def longest_task(events: list[dict[str, Any]]) -> str:
    names = {
        (event["pid"], event["tid"]): event["args"]["name"]
        for event in events
        if event["name"] == "thread_name"
    }
    tasks = [
        event
        for event in events
        if event["name"] in (TASK, "RunTask")
        and event["ph"] == "X"
        and names.get((event["pid"], event["tid"])) == MAIN_THREAD
    ]
    clock = max((task["dur"] for task in tasks), default=0) / 1000
    processor = max((task.get("tdur", 0) for task in tasks), default=0) / 1000
    return f"longest task {clock:.0f} ms, {processor:.0f} ms of the processor"
