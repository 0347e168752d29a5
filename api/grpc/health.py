"""The health service of gRPC, which needs no credential: whether this server answers.

HealthCheckRequest    service=1
HealthCheckResponse   status=1 (1: serving, 2: not serving, 3: no such service)
"""

import asyncio
from collections.abc import Callable, Collection
from typing import Any

import grpc

from api.errors import BadData
from api.grpc.statuses import status_of
from api.thanos.fields import number
from api.thanos.requests import Fields

SERVICE = "grpc.health.v1.Health"
SERVING, NOT_SERVING, UNKNOWN = 1, 2, 3
# How often a watch looks, and how many there may be.
LOOK_S = 1.0
WATCHES_MAX = 100


class HealthHandlers:
    """is_ready: whether requests are answered; services: those that are served."""

    def __init__(self, is_ready: Callable[[], bool], services: Collection[str]) -> None:
        self._is_ready = is_ready
        self._services = {"", SERVICE, *services}
        self._watches = 0
        self._has_ended = False

    def handler(self) -> Any:
        """That of grpc.aio."""
        table = {
            "Check": grpc.unary_unary_rpc_method_handler(self.check),
            "Watch": grpc.unary_stream_rpc_method_handler(self.watch),
        }
        return grpc.method_handlers_generic_handler(SERVICE, table)

    def end(self) -> None:
        """Nothing is served any more; watches are told so, and end."""
        self._has_ended = True

    async def check(self, body: bytes, context: Any) -> bytes:
        status = await self._status(body, context)
        if status == UNKNOWN:
            await context.abort(grpc.StatusCode.NOT_FOUND, "unknown service")
        return number(1, status)

    async def watch(self, body: bytes, context: Any) -> None:
        """The status now, and each one that follows."""
        if self._watches >= WATCHES_MAX:
            text = f"{self._watches} watches are open; allowed are {WATCHES_MAX} (WATCHES_MAX)"
            await context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, text)
        self._watches += 1
        try:
            before = 0
            while True:
                has_ended = self._has_ended
                status = await self._status(body, context)
                if status != before:
                    await context.write(number(1, status))
                if has_ended:
                    return
                before = status
                await asyncio.sleep(LOOK_S)
        finally:
            self._watches -= 1

    async def _status(self, body: bytes, context: Any) -> int:
        try:
            service = Fields(body).text(1)
        except BadData as error:
            await context.abort(*status_of(error))
        if service not in self._services:
            return UNKNOWN
        return SERVING if self._is_ready() and not self._has_ended else NOT_SERVING
