"""Remote write requests without a network: headers to the kind of body, and body to columns.

The headers decide, never a look at the body: a message of one version decodes to an empty one of
the other without an error.
"""

from functools import lru_cache

import snappy

from receiver.errors import CorruptBody, TooLarge, UnsupportedMedia
from receiver.wire.buffers import BufferPool
from receiver.wire.columns import REPLAY_LIMITS, DecodeLimits, Secrets
from receiver.wire.compression import (
    ENCODINGS,
    SNAPPY,
    ZSTD,
    ZSTD_MAGIC,
    declared_bytes,
    uncompress,
)
from receiver.wire.v1 import columns as columns_1
from receiver.wire.v2 import columns as columns_2
from storage.batch import (
    KIND_REMOTE_WRITE_1_SNAPPY,
    KIND_REMOTE_WRITE_1_ZSTD,
    KIND_REMOTE_WRITE_2_SNAPPY,
    KIND_REMOTE_WRITE_2_ZSTD,
    Batch,
)
from storage.options import MIB

MEDIA_TYPE = "application/x-protobuf"
# The messages and the version of remote write that each belongs to.
VERSIONS = {"prometheus.WriteRequest": 1, "io.prometheus.write.v2.Request": 2}
# What a record kind says: version and encoding.
FORMS = {
    KIND_REMOTE_WRITE_1_SNAPPY: (1, SNAPPY),
    KIND_REMOTE_WRITE_1_ZSTD: (1, ZSTD),
    KIND_REMOTE_WRITE_2_SNAPPY: (2, SNAPPY),
    KIND_REMOTE_WRITE_2_ZSTD: (2, ZSTD),
}
KINDS = {form: kind for kind, form in FORMS.items()}

# Pairs of Content-Type and Content-Encoding whose meaning is remembered; a sender has one.
HEADERS_KEPT = 64
# Buffers kept for reuse: about fifty requests of the size that Prometheus sends by default.
POOL_BYTES_MAX = 64 * MIB


@lru_cache(HEADERS_KEPT)
def kind_of_body(content_type: str | None, content_encoding: str | None) -> int:
    """The record kind of a body with these headers; a missing one means its usual value.

    Raises UnsupportedMedia.
    """
    version = version_of(content_type or MEDIA_TYPE)
    encoding = (content_encoding or SNAPPY).strip()
    if encoding.lower() not in ENCODINGS:
        raise UnsupportedMedia(
            f"unsupported Content-Encoding {shortened(encoding)}; "
            "allowed are snappy (block format) and zstd"
        )
    return KINDS[version, encoding.lower()]


def version_of(content_type: str) -> int:
    """The version of remote write that a content type names. Raises UnsupportedMedia."""
    media_type, *parameters = (part.strip() for part in content_type.split(";"))
    if media_type.lower() != MEDIA_TYPE:
        raise UnsupportedMedia(
            f"unsupported Content-Type {shortened(media_type)}; allowed is {MEDIA_TYPE}"
        )
    version = 1
    for parameter in parameters:
        name, equals, value = parameter.partition("=")
        if not equals:
            raise UnsupportedMedia(
                f"Content-Type has the parameter {shortened(parameter)} without a value; "
                f"allowed are proto={' and proto='.join(VERSIONS)}"
            )
        message = value.strip().strip('"')
        if name.strip().lower() != "proto":
            continue
        if message not in VERSIONS:
            raise UnsupportedMedia(
                f"unknown message {shortened(message)} in Content-Type; "
                f"allowed are proto={' and proto='.join(VERSIONS)}"
            )
        version = VERSIONS[message]
    return version


def names_version_2(content_type: str | None) -> bool:
    """Whether a content type is that of remote write 2.0."""
    try:
        return version_of(content_type or MEDIA_TYPE) == 2
    except UnsupportedMedia:
        return False


def kind_of_payload(kind: int, payload: bytes) -> int:
    """The record kind of a body whose first bytes are known too.

    A zstd frame is taken for one whatever the headers say: no snappy block begins like it, since
    that would copy from before its own start.
    """
    return KINDS[FORMS[kind][0], ZSTD] if payload.startswith(ZSTD_MAGIC) else kind


def version_of_kind(kind: int) -> int:
    """The version of remote write of a record kind."""
    return FORMS[kind][0]


def shortened(text: str) -> str:
    """A sender's text quoted for an answer."""
    return ascii(text if len(text) <= 100 else text[:100] + "...")


class WriteDecoder:
    """Makes batches of payloads; safe to use from several threads.

    Decoders that feed one database must share the secrets: it is what makes hashes comparable.
    """

    def __init__(
        self,
        limits: DecodeLimits = REPLAY_LIMITS,
        *,
        pool: BufferPool | None = None,
        secrets: Secrets | None = None,
    ) -> None:
        """pool, secrets: made for this decoder if they are not given."""
        self._limits = limits
        self._pool = pool or BufferPool(POOL_BYTES_MAX)
        self._secrets = secrets or Secrets()

    def with_limits(self, limits: DecodeLimits) -> "WriteDecoder":
        """A decoder with other limits that shares pool and secrets."""
        return WriteDecoder(limits, pool=self._pool, secrets=self._secrets)

    def with_pool(self, pool: BufferPool) -> "WriteDecoder":
        """A decoder that leases its buffers from another pool."""
        return WriteDecoder(self._limits, pool=pool, secrets=self._secrets)

    @property
    def pool(self) -> BufferPool:
        return self._pool

    @property
    def kept_bytes(self) -> int:
        """Bytes of buffers that wait for reuse."""
        return self._pool.kept_bytes

    def decode(self, kind: int, payload: bytes) -> Batch:
        """The columns of a payload, in leased buffers until the batch's release().

        Raises CorruptBody or TooLarge, both ValueErrors.
        """
        version, encoding = form_of(kind)
        declared = self._declared(encoding, payload)
        decode_columns = columns_1.decode_columns if version == 1 else columns_2.decode_columns
        lease = self._pool.lease()
        try:
            buffers = lease.buffers
            size = uncompress(encoding, payload, buffers, declared, self._limits.decoded_bytes_max)
            batch = decode_columns(buffers, size, self._limits, self._secrets)
        except BaseException:
            lease.release()
            raise
        batch.kind, batch.payload, batch.release = kind, payload, lease.release
        return batch

    def bytes_needed(self, kind: int, payload: bytes) -> int:
        """Bytes that uncompressing may take: what the payload declares, or the limit where it does
        not. Raises CorruptBody or TooLarge."""
        size = self._declared(form_of(kind)[1], payload)
        return self._limits.decoded_bytes_max if size is None else size

    def _declared(self, encoding: str, payload: bytes) -> int | None:
        size = declared_bytes(encoding, payload)
        if size is not None and size > self._limits.decoded_bytes_max:
            raise TooLarge(
                f"body of {size} bytes uncompressed; allowed are {self._limits.decoded_bytes_max} "
                "(write.max-decoded-bytes)"
            )
        return size


def form_of(kind: int) -> tuple[int, str]:
    """(version, encoding) of a record kind. Raises CorruptBody if none has this number."""
    if kind not in FORMS:
        raise CorruptBody(f"unknown kind of body {kind}; allowed are {min(FORMS)} to {max(FORMS)}")
    return FORMS[kind]


# A series of each version with a sample, an exemplar, a native histogram and metadata: all kernels.
EXAMPLES = {
    KIND_REMOTE_WRITE_1_SNAPPY: (
        b"\x0a0\x0a\x0d\x0a\x08__name__\x12\x01a"
        b"\x12\x0b\x09\0\0\0\0\0\0\0\0\x10\x01"
        b"\x1a\x07\x0a\x03\x0a\x01a\x18\x01"
        b"\x22\x09\x08\x01Z\x02\x10\x01b\x01\x02"
        b"\x1a\x03\x12\x01a"
    ),
    KIND_REMOTE_WRITE_2_SNAPPY: (
        b"\x22\x00\x22\x08__name__\x22\x01a*&\x0a\x02\x01\x02"
        b"\x12\x0b\x09\0\0\0\0\0\0\0\0\x10\x01"
        b"\x1a\x09\x08\x01Z\x02\x10\x01b\x01\x02"
        b"\x22\x04\x0a\x02\x02\x02"
        b"*\x02\x08\x01"
    ),
}


def warm_decoder() -> None:
    """Compile or load the kernels of decoding. Blocks."""
    decoder = WriteDecoder()
    for kind, example in EXAMPLES.items():
        payload = snappy.compress(example)
        decoder.decode(kind, bytes(payload)).release()
