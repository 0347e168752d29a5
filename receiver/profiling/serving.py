"""The endpoint of profiles: GET /debug/pprof/profile, where the admin API is switched on.

Bounded: one profile at a time, SECONDS_MAX long, with STACKS_MAX stacks; it ends when its client
leaves or the server stops.
"""

import asyncio
import threading

from aiohttp import web

from receiver.access.guard import GRANT
from receiver.profiling.forms import FORMS
from receiver.profiling.sampling import Profile, sample

PATH = "/debug/pprof/profile"
# As the admin API answers where it is switched off.
OFF_STATUS = 500
SECONDS_DEFAULT = 10.0
SECONDS_MAX = 120.0
# Not a divisor of round intervals, so that what recurs with them is not always or never seen.
INTERVAL_S = 0.0097
CLIENT_LOOK_S = 0.25


class Profiling:
    """Takes profiles of this process. is_enabled: web.enable-admin-api."""

    def __init__(self, is_enabled: bool) -> None:
        self._is_enabled = is_enabled
        self._busy = threading.Lock()
        self._stop = threading.Event()

    def add_routes(self, app: web.Application) -> None:
        app.router.add_get(PATH, self.get, allow_head=False)
        app.on_shutdown.append(self._end)

    async def get(self, request: web.Request) -> web.Response:
        """A profile of the next `seconds` in the form of `format`."""
        if not self._is_enabled:
            return refusal(OFF_STATUS, "profiles need web.enable-admin-api")
        grant = GRANT.get()
        if grant.tenant is not None or grant.tenants is not None:
            return refusal(403, "profiles are of all tenants' work, and the caller has some only")
        name = request.query.get("format", "pprof")
        if name not in FORMS:
            return refusal(400, f"got format={name[:50]!r}; allowed are {', '.join(FORMS)}")
        seconds = seconds_of(request.query.get("seconds", str(SECONDS_DEFAULT)))
        if seconds is None:
            text = request.query["seconds"][:50]
            return refusal(
                400, f"got seconds={text!r}; allowed are numbers above 0, up to {SECONDS_MAX:g}"
            )
        if not self._busy.acquire(blocking=False):
            return refusal(429, "a profile is being taken; there is one at a time")
        try:
            profile = await self._sampled(request, seconds)
            encode, content_type = FORMS[name]
            body = await asyncio.to_thread(encode, profile)
        finally:
            self._busy.release()
        return web.Response(body=body, headers={"Content-Type": content_type})

    async def _sampled(self, request: web.Request, seconds: float) -> Profile:
        """Wait for a profile, and end it where no one waits for it any more."""
        stop = threading.Event()
        work = asyncio.ensure_future(
            asyncio.to_thread(sample, seconds, stop, interval_s=INTERVAL_S)
        )
        try:
            while not work.done():
                await asyncio.wait([work], timeout=CLIENT_LOOK_S)
                if request.transport is None or self._stop.is_set():
                    stop.set()
        finally:
            stop.set()
        return work.result()

    async def _end(self, app: web.Application) -> None:
        self._stop.set()


def seconds_of(text: str) -> float | None:
    """How long a profile is to take; None if the text does not say it."""
    try:
        seconds = float(text)
    except ValueError:
        return None
    return seconds if 0 < seconds <= SECONDS_MAX else None


def refusal(status: int, text: str) -> web.Response:
    return web.Response(status=status, text=f"{text}\n")
