"""Remote write requests without a network: headers to the kind of body, and body to columns.

The headers decide, never a look at the body: a message of one version decodes to an empty one of
the other without an error.
"""

import re
from dataclasses import dataclass
from typing import Any, cast

import cramjam
import numpy as np

from receiver.buffers import BufferPool, DecodeBuffers
from receiver.errors import CorruptBody, TooLarge, UnsupportedMedia
from receiver.label_hash import hash_runs, new_secret
from receiver.options import DECODED_BYTES_CEILING, WriteOptions
from receiver.wire import (
    EXEMPLARS,
    HISTOGRAMS,
    METADATA,
    POSITION,
    SAMPLES,
    SCAN_ERRORS,
    SCANNED,
    SERIES,
    scan_write_request,
)
from storage.batch import KIND_REMOTE_WRITE_1_SNAPPY, Batch
from storage.options import MIB

# cramjam ships no types.
snappy: Any = cast(Any, cramjam).snappy

MEDIA_TYPE = "application/x-protobuf"
MESSAGE_1 = "prometheus.WriteRequest"
MESSAGE_2 = "io.prometheus.write.v2.Request"

# Buffers kept for reuse: about fifty requests of the size that Prometheus sends by default.
POOL_BYTES_MAX = 64 * MIB
# A snappy body begins with its uncompressed length, a varint of 32 bits.
SNAPPY_HEADER = re.compile(rb"[\x80-\xff]{0,4}[\x00-\x7f]", re.DOTALL)


@dataclass(frozen=True, slots=True)
class DecodeLimits:
    """What one request may hold."""

    decoded_bytes_max: int
    samples_max: int


# Of bodies that were admitted before and come back from the log.
REPLAY_LIMITS = DecodeLimits(DECODED_BYTES_CEILING, DECODED_BYTES_CEILING)


def limits_of(options: WriteOptions) -> DecodeLimits:
    return DecodeLimits(options.decoded_bytes_max, options.request_samples_max)


def kind_of_body(content_type: str | None, content_encoding: str | None) -> int:
    """The record kind of a body with these headers; a missing one means its usual value.

    Raises UnsupportedMedia.
    """
    check_message(content_type or MEDIA_TYPE)
    encoding = (content_encoding or "snappy").strip()
    if encoding.lower() != "snappy":
        raise UnsupportedMedia(
            f"unsupported Content-Encoding {shortened(encoding)}; allowed is snappy (block format)"
        )
    return KIND_REMOTE_WRITE_1_SNAPPY


def check_message(content_type: str) -> None:
    """Raise UnsupportedMedia unless the content type is that of a remote write 1.0 request."""
    media_type, *parameters = (part.strip() for part in content_type.split(";"))
    if media_type.lower() != MEDIA_TYPE:
        raise UnsupportedMedia(
            f"unsupported Content-Type {shortened(media_type)}; allowed is {MEDIA_TYPE}"
        )
    for parameter in parameters:
        name, equals, value = parameter.partition("=")
        if not equals:
            raise UnsupportedMedia(
                f"Content-Type has the parameter {shortened(parameter)} without a value; "
                f"allowed is proto={MESSAGE_1}"
            )
        message = value.strip().strip('"')
        if name.strip().lower() != "proto" or message == MESSAGE_1:
            continue
        if message == MESSAGE_2:
            raise UnsupportedMedia(
                "remote write 2.0 is not supported; set the sender's protobuf_message to "
                f"{MESSAGE_1}"
            )
        raise UnsupportedMedia(
            f"unknown message {shortened(message)} in Content-Type; allowed is proto={MESSAGE_1}"
        )


def shortened(text: str) -> str:
    """A sender's text quoted for an answer."""
    return ascii(text if len(text) <= 100 else text[:100] + "...")


def declared_bytes(payload: bytes) -> int:
    """The uncompressed length that a snappy body declares. Raises CorruptBody."""
    if not payload:
        raise CorruptBody("empty body; a request without series is a snappy body of length 0")
    if SNAPPY_HEADER.match(payload) is None:
        raise CorruptBody("corrupt body at byte 0: no snappy length")
    length = 0
    for shift, byte in enumerate(payload[:5]):
        length |= (byte & 0x7F) << (7 * shift)
        if byte < 0x80:
            break
    if length >= 1 << 32:
        raise CorruptBody(f"corrupt body at byte 0: snappy length {length} has more than 32 bits")
    return length


class WriteDecoder:
    """Makes batches of payloads; safe to use from several threads.

    Decoders that feed one database must share the secret: it is what makes hashes comparable.
    """

    def __init__(self, limits: DecodeLimits = REPLAY_LIMITS) -> None:
        self._limits = limits
        self._pool = BufferPool(POOL_BYTES_MAX)
        self._secret = new_secret()

    def with_limits(self, limits: DecodeLimits) -> "WriteDecoder":
        """A decoder with other limits that shares pool and secret."""
        other = WriteDecoder(limits)
        other._pool = self._pool
        other._secret = self._secret
        return other

    @property
    def kept_bytes(self) -> int:
        """Bytes of buffers that wait for reuse."""
        return self._pool.kept_bytes

    def decode(self, kind: int, payload: bytes) -> Batch:
        """The columns of a payload, in leased buffers until the batch's release().

        Raises CorruptBody or TooLarge, both ValueErrors.
        """
        if kind != KIND_REMOTE_WRITE_1_SNAPPY:
            raise CorruptBody(
                f"unknown kind of body {kind}; allowed is {KIND_REMOTE_WRITE_1_SNAPPY}"
            )
        size = self.check_declared(payload)
        lease = self._pool.lease()
        try:
            uncompress(payload, lease.buffers, size)
            self._scan(lease.buffers, size)
        except BaseException:
            lease.release()
            raise
        return self._batch(kind, payload, lease.buffers, size, lease.release)

    def check_declared(self, payload: bytes) -> int:
        """The uncompressed length a payload declares. Raises CorruptBody or TooLarge."""
        size = declared_bytes(payload)
        if size > self._limits.decoded_bytes_max:
            raise TooLarge(
                f"body of {size} bytes uncompressed; allowed are {self._limits.decoded_bytes_max} "
                "(write.max-decoded-bytes)"
            )
        return size

    def _scan(self, buffers: DecodeBuffers, size: int) -> None:
        """Fill the columns, and again after growing them where they were too short."""
        run_scan(buffers, size)
        series, samples = int(buffers.tally[SERIES]), int(buffers.tally[SAMPLES])
        if max(series, samples) > self._limits.samples_max:
            raise TooLarge(
                f"{series} series and {samples} samples in one request; allowed are "
                f"{self._limits.samples_max} of each (write.max-samples-per-request)"
            )
        if series > len(buffers.label_start) or samples > len(buffers.timestamps):
            buffers.reserve_columns(series, samples)
            run_scan(buffers, size)

    def _batch(
        self, kind: int, payload: bytes, buffers: DecodeBuffers, size: int, release: Any
    ) -> Batch:
        tally = buffers.tally.tolist()
        series, samples = tally[SERIES], tally[SAMPLES]
        body = buffers.body[:size]
        label_start, label_end = buffers.label_start[:series], buffers.label_end[:series]
        hash_low, hash_high = buffers.hash_low[:series], buffers.hash_high[:series]
        hash_runs(body, label_start, label_end, self._secret, hash_low, hash_high)
        return Batch(
            kind=kind,
            payload=payload,
            buffer=body,
            label_start=label_start,
            label_end=label_end,
            hash_low=hash_low,
            hash_high=hash_high,
            sample_offsets=buffers.sample_offsets[: series + 1],
            timestamps=buffers.timestamps[:samples],
            values=buffers.value_bits[:samples].view(np.float64),
            histogram_count=tally[HISTOGRAMS],
            exemplar_count=tally[EXEMPLARS],
            metadata_count=tally[METADATA],
            release=release,
        )


def uncompress(payload: bytes, buffers: DecodeBuffers, size: int) -> None:
    """Uncompress the payload, which declares `size` bytes, into the buffers. Raises CorruptBody."""
    buffers.reserve_body(size)
    try:
        written = snappy.decompress_raw_into(payload, buffers.body)
    except cramjam.DecompressionError as error:
        raise CorruptBody(f"corrupt body: {error}") from error
    if written != size:
        raise CorruptBody(f"corrupt body: {written} bytes uncompressed; {size} were declared")


def run_scan(buffers: DecodeBuffers, size: int) -> None:
    """Scan the uncompressed body into the columns. Raises CorruptBody."""
    result = int(
        scan_write_request(
            buffers.body,
            size,
            buffers.label_start,
            buffers.label_end,
            buffers.sample_offsets,
            buffers.timestamps,
            buffers.value_bits,
            buffers.tally,
        )
    )
    if result != SCANNED:
        place = int(buffers.tally[POSITION])
        raise CorruptBody(f"corrupt body at byte {place} of {size}: {SCAN_ERRORS[result]}")


def warm_decoder(decoder: WriteDecoder) -> None:
    """Compile or load the kernels of decoding. Blocks."""
    body = b"\x0a\x06\x0a\x04\x0a\x00\x12\x00"
    payload = bytes(snappy.compress_raw(body))
    decoder.decode(KIND_REMOTE_WRITE_1_SNAPPY, payload).release()
