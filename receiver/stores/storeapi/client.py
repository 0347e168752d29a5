"""The gRPC channel to one store: bytes out, bytes in, errors in words.

The library is loaded with the first channel: it is large, and most servers have no stores.

A call ends at its deadline, or when nothing came for the time that a store may be silent, or when
it is cancelled: whoever waits for it looks after that.
"""

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from receiver.stores.endpoints import TlsFiles
from receiver.stores.errors import StoreError
from receiver.stores.limits import CallLimits

if TYPE_CHECKING:
    import grpc

INFO = "/thanos.info.Info/Info"
SERIES = "/thanos.Store/Series"
EXEMPLARS = "/thanos.Exemplars/Exemplars"
METADATA = "/thanos.Metadata/MetricMetadata"
RULES = "/thanos.Rules/Rules"
TARGETS = "/thanos.Targets/Targets"
TENANT_METADATA = "thanos-tenant"


class Channel:
    """A connection to a store, made when it is first used. Thread-safe."""

    def __init__(self, target: str, tls: TlsFiles | None, limits: CallLimits) -> None:
        """target: as gRPC names addresses. Raises OSError if a file cannot be read."""
        import grpc

        self.limits = limits
        options: list[tuple[str, int | str]] = [
            ("grpc.max_receive_message_length", min(limits.message_bytes, (1 << 31) - 1)),
            ("grpc.enable_http_proxy", 0),
            # Only while calls are active: what Thanos' servers allow.
            ("grpc.keepalive_time_ms", 20_000),
            ("grpc.keepalive_timeout_ms", 10_000),
            ("grpc.max_reconnect_backoff_ms", 5_000),
            ("grpc.initial_reconnect_backoff_ms", 250),
        ]
        if tls is None:
            self._channel = grpc.insecure_channel(target, options)
        else:
            if tls.server_name:
                options.append(("grpc.ssl_target_name_override", tls.server_name))
            self._channel = grpc.secure_channel(target, credentials_of(tls), options)

    def info(self, timeout_s: float) -> Any:
        """The call of Info, under way: a future of bytes."""
        call = self._channel.unary_unary(INFO)
        return call.future(b"", timeout=timeout_s, wait_for_ready=False)

    def stream(self, method: str, request: bytes, tenant: str) -> "Stream":
        """A call that is answered by a stream, which has begun."""
        call = self._channel.unary_stream(method)
        metadata = [(TENANT_METADATA, tenant)] if tenant else []
        return Stream(call(request, timeout=self.limits.timeout_s, metadata=metadata), self.limits)

    def close(self) -> None:
        self._channel.close()


@dataclass(slots=True)
class Stream:
    """The frames of one call, read by one thread, while others may see to its end."""

    call: Any
    limits: CallLimits
    last_s: float = field(default_factory=time.monotonic)
    ended_why: str = ""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def frames(self) -> Iterator[bytes]:
        """Raises StoreError."""
        import grpc

        try:
            for frame in self.call:
                self.last_s = time.monotonic()
                yield frame
        except grpc.RpcError as error:
            raise StoreError(self.ended_why or text_of(error)) from error
        finally:
            self.call.cancel()

    def end(self, why: str) -> None:
        """Have the reader fail."""
        with self._lock:
            self.ended_why = self.ended_why or why
        self.call.cancel()

    def end_if_late(self) -> None:
        silent_s = time.monotonic() - self.last_s
        if silent_s > self.limits.silence_s:
            self.end(f"it sent nothing for {self.limits.silence_s:g} s (stores.response-timeout)")


def credentials_of(tls: TlsFiles) -> "grpc.ChannelCredentials":
    """Raises OSError."""
    import grpc

    ca, key, cert = (
        Path(name).read_bytes() if name else None
        for name in (tls.ca_file, tls.key_file, tls.cert_file)
    )
    return grpc.ssl_channel_credentials(ca, key, cert)


def text_of(error: "grpc.RpcError") -> str:
    """What a failed call says, in Thanos' words."""
    import grpc

    code = getattr(error, "code", lambda: None)()
    details = getattr(error, "details", lambda: None)() or ""
    name = "UNKNOWN" if code is None else code.name
    if code is grpc.StatusCode.DEADLINE_EXCEEDED:
        return f"{name}: it did not answer in time (stores.timeout): {details}"
    return f"{name}: {details}"
