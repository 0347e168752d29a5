"""A StoreAPI server for tests: honest, or one that lies in a way of its own."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import grpc

from receiver.wire.messages import fields, message_field, number_field, read_varint
from storage.chunks.encoder import encode_series
from storage.samples.samples import Samples
from tests.makers.memory_store import float_samples_of

Labels = Mapping[str, str]
Points = Sequence[tuple[int, float]]
EVER_MS = (1 << 63) - 1
OTHERS = (
    ("thanos.Exemplars", "Exemplars"),
    ("thanos.Metadata", "MetricMetadata"),
    ("thanos.Rules", "Rules"),
    ("thanos.Targets", "Targets"),
)


def label_field(number: int, name: str, value: str) -> bytes:
    texts = message_field(1, name.encode()) + message_field(2, value.encode())
    return message_field(number, texts)


def chunk_fields(samples: Samples) -> bytes:
    """The chunks of one series, as fields of its message."""
    encoded = encode_series(samples)
    out = b""
    for k in range(len(encoded.starts)):
        data = bytes(encoded.data[encoded.starts[k] : encoded.ends[k]])
        chunk = number_field(1, int(encoded.encodings[k]) - 1) + message_field(2, data)
        times = number_field(1, int(encoded.first_ms[k])) + number_field(2, int(encoded.last_ms[k]))
        out += message_field(2, times + message_field(3, chunk))
    return out


def series_message(labels: Labels, points: Points | Samples, *, chunks: bool = True) -> bytes:
    """A Series: labels and, if there are points, chunks of them."""
    content = b"".join(label_field(1, *pair) for pair in sorted(labels.items()))
    samples = points if isinstance(points, Samples) else float_samples_of([points])
    return content + (chunk_fields(samples) if chunks and len(samples) else b"")


def series_frame(*messages: bytes) -> bytes:
    """A frame with one series, or a batch of several."""
    if len(messages) == 1:
        return message_field(1, messages[0])
    return message_field(4, b"".join(message_field(1, each) for each in messages))


def info_message(
    kind: str = "sidecar",
    labels: Sequence[Labels] = (),
    span: tuple[int, int] = (0, EVER_MS),
    services: Sequence[int] = (),
) -> bytes:
    """services: the fields of other things that it answers questions for."""
    sets = b"".join(
        message_field(1, b"".join(label_field(1, *pair) for pair in sorted(own.items())))
        for own in labels
    )
    store = number_field(1, span[0]) + number_field(2, span[1])
    others = b"".join(message_field(number, b"") for number in services)
    return sets + message_field(2, kind.encode()) + message_field(3, store) + others


@dataclass
class Request:
    """What a store was asked: numbers by their fields, matchers, the tenant, and aggregates."""

    numbers: dict[int, int]
    matchers: list[tuple[int, str, str]]
    tenant: str
    aggregates: bytes = b""

    @classmethod
    def of(cls, message: bytes, metadata: Mapping[str, str]) -> Request:
        numbers, matchers, aggregates = {}, [], b""
        for found in fields(message, 0, len(message)):
            if found.wire_type == 0:
                value, _ = read_varint(message, found.first, found.end)
                numbers[found.number] = value - (1 << 64) if value >> 63 else value
            elif found.number == 5:
                aggregates = message[found.first : found.end]
            elif found.number == 3:
                kind, texts = 0, {2: "", 3: ""}
                for part in fields(message, found.first, found.end):
                    if part.number == 1:
                        kind = message[part.first]
                    else:
                        texts[part.number] = message[part.first : part.end].decode()
                matchers.append((kind, texts[2], texts[3]))
        return cls(numbers, matchers, metadata.get("thanos-tenant", ""), aggregates)


@dataclass
class FakeStore:
    """What a server answers. frames: those of any request for series; others: those of other
    methods, by their names; info: its bytes, or an error instead.

    asked: the requests so far; gone: is set when a call is over, also by the other side; left: how
    many are.
    """

    frames: Callable[[Request], Iterator[bytes]] = lambda _: iter(())
    info: bytes | grpc.StatusCode = info_message()
    asked: list[Request] = field(default_factory=list)
    gone: threading.Event = field(default_factory=threading.Event)
    left: int = 0
    others: dict[str, Callable[[bytes], Iterator[bytes]]] = field(default_factory=dict)
    address: str = ""

    def answer_info(self, request: bytes, context: Any) -> bytes:
        if isinstance(self.info, bytes):
            return self.info
        context.abort(self.info, "Not ready")
        raise AssertionError

    def answer_series(self, message: bytes, context: Any) -> Iterator[bytes]:
        request = Request.of(message, dict(context.invocation_metadata()))
        self.asked.append(request)
        context.add_callback(self._over)
        try:
            yield from self.frames(request)
        except Failing as failing:
            context.abort(failing.code, failing.text)

    def answer_other(self, method: str, message: bytes, context: Any) -> Iterator[bytes]:
        context.add_callback(self._over)
        if method not in self.others:
            context.abort(grpc.StatusCode.UNIMPLEMENTED, "no such method")
        yield from self.others[method](message)

    def _over(self) -> None:
        self.left += 1
        self.gone.set()


class Failing(Exception):
    """Raised by frames: the call ends with this status."""

    def __init__(self, code: grpc.StatusCode, text: str) -> None:
        self.code, self.text = code, text


@contextmanager
def serving(store: FakeStore, port: int = 0, tls: Any = None) -> Iterator[FakeStore]:
    """Serve on a port of the machine; store.address says where."""
    with ThreadPoolExecutor(8) as threads:
        server = grpc.server(threads, options=[("grpc.so_reuseport", 0)])
        handlers = {
            "thanos.info.Info": {
                "Info": grpc.unary_unary_rpc_method_handler(store.answer_info),
            },
            "thanos.Store": {
                "Series": grpc.unary_stream_rpc_method_handler(store.answer_series),
            },
        }
        for service, name in OTHERS:
            function = partial(store.answer_other, name)
            handlers[service] = {name: grpc.unary_stream_rpc_method_handler(function)}
        for service, methods in handlers.items():
            handler = grpc.method_handlers_generic_handler(service, methods)
            server.add_generic_rpc_handlers((handler,))
        place = f"127.0.0.1:{port}"
        bound = server.add_secure_port(place, tls) if tls else server.add_insecure_port(place)
        store.address = f"127.0.0.1:{bound}"
        server.start()
        try:
            yield store
        finally:
            server.stop(0).wait()


def wait_until(is_true: Callable[[], bool], what: str, seconds: float = 60.0) -> None:
    """Wait for a state. Fails after a time that no machine needs."""
    deadline = time.monotonic() + seconds
    while not is_true():
        assert time.monotonic() < deadline, f"not seen in {seconds:g} s: {what}"
        time.sleep(0.01)
