"""Conversations with stores, as bytes: recorded by a proxy, kept in a file, and replayed."""

from __future__ import annotations

import json
import lzma
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import grpc

from compose.processes import ROOT

RECORDED = ROOT / "tests" / "recorded" / "thanos"
ONE_ANSWER = frozenset(
    ["/thanos.info.Info/Info", "/thanos.Store/LabelNames", "/thanos.Store/LabelValues"]
)
NOT_RECORDED = "this was never asked of the store: see the README of tests/recorded/thanos"
Asked = tuple[str, bytes]


@dataclass
class Conversation:
    """What was asked of a store, by method and request, and the messages that it answered."""

    answers: dict[Asked, list[bytes]] = field(default_factory=dict)

    def document(self) -> list[Any]:
        return [
            [method, request.hex(), [frame.hex() for frame in frames]]
            for (method, request), frames in sorted(self.answers.items())
        ]

    @classmethod
    def of(cls, document: list[Any]) -> Conversation:
        found = cls()
        for method, request, frames in document:
            found.answers[method, bytes.fromhex(request)] = [bytes.fromhex(each) for each in frames]
        return found


def save(name: str, document: Any) -> None:
    text = json.dumps(document, sort_keys=True, separators=(",", ":")).encode()
    (RECORDED / f"{name}.json.xz").write_bytes(lzma.compress(text, preset=9))


def load(name: str) -> Any:
    return json.loads(lzma.decompress((RECORDED / f"{name}.json.xz").read_bytes()))


Answering = Callable[[str, bytes, Any], Iterator[bytes]]


class Handler(grpc.GenericRpcHandler):
    """Each method is answered with messages as they are. answering: by method, request, context."""

    def __init__(self, answering: Answering) -> None:
        self._answering = answering

    def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler:
        method = details.method
        if method in ONE_ANSWER:
            return grpc.unary_unary_rpc_method_handler(
                lambda request, context: next(iter(self._answering(method, request, context)))
            )
        return grpc.unary_stream_rpc_method_handler(
            lambda request, context: self._answering(method, request, context)
        )


@dataclass
class Served:
    """A server, and the address where it listens."""

    server: grpc.Server
    address: str

    def stop(self) -> None:
        self.server.stop(None).wait()


def serve(answering: Answering) -> Served:
    server = grpc.server(ThreadPoolExecutor(16))
    server.add_generic_rpc_handlers((Handler(answering),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    return Served(server, f"127.0.0.1:{port}")


def replay(conversation: Conversation) -> Served:
    """A store that answers what was recorded, and nothing else."""

    def answering(method: str, request: bytes, context: Any) -> Iterator[bytes]:
        frames = conversation.answers.get((method, request))
        if frames is None:
            context.abort(grpc.StatusCode.FAILED_PRECONDITION, f"{method}: {NOT_RECORDED}")
        yield from frames or ()

    return serve(answering)


def record(address: str, conversation: Conversation) -> Served:
    """A proxy in front of a store; the last answer to a request is kept."""
    channel = grpc.insecure_channel(address, [("grpc.max_receive_message_length", -1)])

    def answering(method: str, request: bytes, context: Any) -> Iterator[bytes]:
        about = [(key, value) for key, value in context.invocation_metadata() if "thanos" in key]
        if method in ONE_ANSWER:
            frames = [channel.unary_unary(method)(request, metadata=about)]
        else:
            frames = list(channel.unary_stream(method)(request, metadata=about))
        conversation.answers[method, request] = frames
        yield from frames

    return serve(answering)
