"""Certificates of callers as gRPC states them, in ssl's form."""

from __future__ import annotations

import pytest

from receiver.access.web_config import subject_names
from receiver.grpc.certificates import certificate_of, subject_fields


@pytest.mark.parametrize(
    "subject, wanted",
    [
        ("", []),
        ("CN=a", [("CN", "a")]),
        ("CN=b,CN=a", [("CN", "b"), ("CN", "a")]),
        ("OU=un,O=org\\, x+CN=na\\=me", [("OU", "un"), ("O", "org, x"), ("CN", "na=me")]),
        ("CN=\\C3\\BC\\\\", [("CN", "ü\\")]),
        ("2.5.4.46=#1301,CN=a", [("2.5.4.46", "#1301"), ("CN", "a")]),
        ("CN=a,nonsense,CN=b", [("CN", "a")]),
    ],
)
def test_subjects(subject: str, wanted: list[tuple[str, str]]) -> None:
    assert list(subject_fields(subject)) == wanted


def test_names() -> None:
    peer = {
        "x509_pem_cert": [b"..."],
        "x509_subject": [b"CN=name,OU=unit,O=org"],
        "peer_dns": [b"a", b"b"],
        "peer_uri": [b"u"],
        "peer_email": [b"m@x"],
        "peer_ip": [b"127.0.0.1"],
    }
    found = certificate_of(peer)
    assert found is not None
    kinds = ["commonName", "organizationName", "organizationalUnitName", "DNS", "URI", "email"]
    assert [subject_names(found, kind) for kind in [*kinds, "IP Address"]] == [
        ("name",), ("org",), ("unit",), ("a", "b"), ("u",), ("m@x",), ("127.0.0.1",)
    ]  # fmt: skip


def test_no_certificate() -> None:
    assert certificate_of({"transport_security_type": [b"ssl"]}) is None
