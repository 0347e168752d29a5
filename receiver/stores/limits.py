"""What one answer of a store may take: time, bytes, series, chunks and samples."""

from dataclasses import dataclass

from receiver.stores.errors import LyingStore


@dataclass(frozen=True, slots=True)
class CallLimits:
    """Of one call, in seconds, and of one message."""

    timeout_s: float
    silence_s: float
    message_bytes: int


@dataclass(frozen=True, slots=True)
class AnswerLimits:
    """Of one answer of one store."""

    bytes: int
    series: int
    chunks: int
    samples: int


@dataclass(slots=True)
class Budget:
    """What is left of the limits of one answer."""

    limits: AnswerLimits
    bytes: int = 0
    series: int = 0
    chunks: int = 0
    samples: int = 0

    def spend(self, *, bytes: int = 0, series: int = 0, chunks: int = 0, samples: int = 0) -> None:
        """Raises LyingStore once it is too much."""
        self.bytes += bytes
        self.series += series
        self.chunks += chunks
        self.samples += samples
        for name in ("bytes", "series", "chunks", "samples"):
            got, allowed = getattr(self, name), getattr(self.limits, name)
            if got > allowed:
                raise LyingStore(
                    f"it sent {got} {name} or more, at most {allowed} are taken (stores.max-{name})"
                )
