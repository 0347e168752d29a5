"""The certificate of a gRPC caller, in the form in which ssl states one.

gRPC states the subject as one text, `CN=a,O=b\\, c`, the last part first, and alternative names
each under a key of its kind.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

SUBJECT = "x509_subject"
SUBJECT_FIELDS = {"CN": "commonName", "O": "organizationName", "OU": "organizationalUnitName"}
ALTERNATIVES = {
    "peer_dns": "DNS",
    "peer_uri": "URI",
    "peer_email": "email",
    "peer_ip": "IP Address",
}
_FIELD = re.compile(r"([A-Za-z0-9.]+)=((?:\\[0-9A-Fa-f]{2}|\\.|[^\\,+])*)[,+]?", re.DOTALL)
_ESCAPED = re.compile(rb"\\([0-9A-Fa-f]{2}|.)", re.DOTALL)


def certificate_of(peer: Mapping[str, Sequence[bytes]]) -> Mapping[str, Any] | None:
    """What the context of a call says of the caller's certificate, None without one."""
    if "x509_pem_cert" not in peer:
        return None
    subject = text_of(next(iter(peer.get(SUBJECT, ())), b""))
    fields = [
        (SUBJECT_FIELDS[name], value)
        for name, value in subject_fields(subject)
        if name in SUBJECT_FIELDS
    ]
    names = [
        (kind, text_of(value)) for key, kind in ALTERNATIVES.items() for value in peer.get(key, ())
    ]
    return {"subject": (tuple(fields),), "subjectAltName": tuple(names)}


def subject_fields(subject: str) -> Iterator[tuple[str, str]]:
    """The fields of a subject in the form of RFC 2253; nothing behind what is not of this form."""
    at = 0
    while (match := _FIELD.match(subject, at)) is not None:
        yield match[1], unescaped(match[2])
        at = match.end()


def unescaped(value: str) -> str:
    """Two digits behind a backslash are a byte, any other character is itself."""

    def one(match: re.Match[bytes]) -> bytes:
        return bytes.fromhex(match[1].decode()) if len(match[1]) == 2 else match[1]

    return text_of(_ESCAPED.sub(one, value.encode("utf-8", "surrogateescape")))


def text_of(content: bytes) -> str:
    return content.decode("utf-8", "surrogateescape")
