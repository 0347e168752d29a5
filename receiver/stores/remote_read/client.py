"""One request of remote read: its answer as frames, or as series, read while it arrives.

A request ends after the time that an answer may take, or once nothing came for the time that a
store may be silent.
"""

import http.client
import socket
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from urllib.parse import urlsplit

import cramjam
import snappy

from receiver.errors import WriteError
from receiver.importing.parts import Span as TimeSpan
from receiver.importing.remote_read import HEADERS, STREAMED, Cut, read_frame, read_request
from receiver.stores.errors import LyingStore, StoreError
from receiver.stores.limits import CallLimits
from receiver.stores.remote_read.servers import Server
from receiver.stores.storeapi.columns import Collector
from receiver.wire.decoder import WriteDecoder
from receiver.wire.messages import fields
from storage.batch import KIND_REMOTE_WRITE_1_SNAPPY
from storage.labels.matchers import Matcher
from storage.samples.samples import Samples

ERROR_BYTES = 500
FAILURES = (OSError, http.client.HTTPException, Cut, WriteError)


class ReadCall:
    """One request. run() is called once, by a thread that may wait; end() by any other."""

    def __init__(self, server: Server, limits: CallLimits) -> None:
        self._server = server
        self._limits = limits
        self._deadline_s = time.monotonic() + limits.timeout_s
        self._connection: http.client.HTTPConnection | None = None
        self._ended_why = ""
        self._lock = threading.Lock()

    def run(
        self, matchers: Sequence[Matcher], span: tuple[int, int], collector: Collector
    ) -> StoreError | None:
        """Have a collector take the answer; what ended that before."""
        try:
            self._run(matchers, span, collector)
        except StoreError as error:
            return error
        except FAILURES as error:
            silent = isinstance(error, TimeoutError)
            text = f"it sent nothing for {self._limits.silence_s:g} s (stores.response-timeout)"
            return StoreError(self._ended_why or (text if silent else repr(error)))
        finally:
            if self._connection is not None:
                self._connection.close()
        return None

    def end_if_late(self) -> None:
        if time.monotonic() > self._deadline_s:
            self.end("it did not answer in time (stores.timeout)")

    def end(self, why: str) -> None:
        """Have run() fail."""
        with self._lock:
            self._ended_why = self._ended_why or why
        connection = self._connection
        if connection is not None and connection.sock is not None:
            with suppress(OSError):
                connection.sock.shutdown(socket.SHUT_RDWR)

    def _run(
        self, matchers: Sequence[Matcher], span: tuple[int, int], collector: Collector
    ) -> None:
        parts = urlsplit(self._server.url)
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        body = bytes(snappy.compress(read_request([tuple(matchers)], TimeSpan(*span))))
        self._connection = connection = self._connected(parts.hostname or "", parts.port)
        connection.connect()
        if self._ended_why:  # meanwhile; there was no connection that could be ended
            raise StoreError(self._ended_why)
        connection.request("POST", path, body, {**HEADERS, **self._server.headers})
        answer = connection.getresponse()
        if answer.status != 200:
            text = answer.read(ERROR_BYTES).decode(errors="replace").strip()
            raise StoreError(f"it answers {answer.status}: {text}")
        if answer.headers.get_content_type() == STREAMED:
            self._stream(answer, collector)
        else:
            self._whole(answer, collector)

    def _connected(self, host: str, port: int | None) -> http.client.HTTPConnection:
        timeout_s = self._limits.silence_s
        context = self._server.context()
        if context is None:
            return http.client.HTTPConnection(host, port, timeout=timeout_s)
        return http.client.HTTPSConnection(host, port, timeout=timeout_s, context=context)

    def _stream(self, answer: http.client.HTTPResponse, collector: Collector) -> None:
        collector.of_read = True
        while (frame := read_frame(answer)) is not None:
            collector.add(frame)
        collector.decode()

    def _whole(self, answer: http.client.HTTPResponse, collector: Collector) -> None:
        """An answer in one piece, which has the form of a remote write request for each query."""
        allowed = self._limits.message_bytes
        content = answer.read(allowed + 1)
        collector.budget.spend(bytes=len(content))
        if snappy_size(content) > 8 * allowed:
            raise LyingStore(f"its answer is longer than 8 * {allowed} bytes (stores.max-bytes)")
        try:
            message = bytes(snappy.decompress(content))
        except (ValueError, snappy.UncompressError, cramjam.DecompressionError) as error:
            raise LyingStore(f"its answer is not compressed by snappy: {error}") from error
        decoder = WriteDecoder()
        for result in fields(message, 0, len(message)):
            own = message[result.first : result.end]
            if result.number == 1 and own:
                payload = bytes(snappy.compress(own))
                batch = decoder.decode(KIND_REMOTE_WRITE_1_SNAPPY, payload)
                data = bytes(batch.buffer)
                labels = [
                    data[a:b] for a, b in zip(batch.label_start, batch.label_end, strict=True)
                ]
                offsets, times = batch.sample_offsets.copy(), batch.timestamps.copy()
                samples = Samples(offsets, times, batch.values.copy(), natives=batch.natives)
                collector.add_samples(labels, samples)
                batch.release()


def snappy_size(content: bytes) -> int:
    """How long a body says that it is uncompressed; 0 if it does not."""
    size = 0
    for k, byte in enumerate(content[:5]):
        size |= (byte & 0x7F) << 7 * k
        if byte < 0x80:
            return size
    return 0
