"""Lists of stores: settings and files in Thanos' form."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from receiver.stores.endpoints import (
    Endpoint,
    TlsFiles,
    endpoint_of,
    files_of,
    of_document,
)

FOLDER = Path("conf")


@pytest.mark.parametrize(
    ("address", "lookup", "place"),
    [
        ("sidecar:10901", "", "sidecar:10901"),
        ("[::1]:10901", "", "[::1]:10901"),
        (" dns+stores.svc:10901 ", "dns+", "stores.svc:10901"),
        ("dnssrv+_grpc._tcp.stores.svc", "dnssrv+", "_grpc._tcp.stores.svc"),
        ("dnssrvnoa+_grpc._tcp.stores.svc", "dnssrvnoa+", "_grpc._tcp.stores.svc"),
    ],
)
def test_addresses(address: str, lookup: str, place: str) -> None:
    found = endpoint_of(address, strict=True)
    assert (found.lookup, found.place, found.strict) == (lookup, place, True)


@pytest.mark.parametrize(
    "address",
    [
        "",
        "sidecar",
        "sidecar:",
        ":10901",
        "a:0",
        "a:65536",
        "a:x",
        "dns+a",
        "dnssrv+a:1",
        "dnssrv+",
    ],
)
def test_wrong_addresses_are_refused(address: str) -> None:
    with pytest.raises(ValueError, match="allowed is"):
        endpoint_of(address)


def test_a_file_of_thanos_is_read() -> None:
    document = {
        "default_client_config": {
            "tls_config": {"enabled": True, "ca_file": "ca.pem"},
            "server_name": "store",
        },
        "endpoints": [
            {"address": "a:1"},
            {"address": "dns+b:2", "strict": True, "tenant": "edge"},
            {"address": "c:3", "client_config": {"tls_config": {"enabled": False}}},
            {
                "address": "d:4",
                "client_config": {
                    "tls_config": {"enabled": True, "cert_file": "c.pem", "key_file": "/k.pem"}
                },
            },
        ],
    }
    default = TlsFiles(ca_file="conf/ca.pem", server_name="store")
    own = TlsFiles(cert_file="conf/c.pem", key_file="/k.pem", server_name="store")
    found = of_document(document, FOLDER)
    assert found == [
        Endpoint("a:1", tls=default),
        Endpoint("dns+b:2", strict=True, tenant="edge", tls=default),
        Endpoint("c:3"),
        Endpoint("d:4", tls=own),
    ]
    assert files_of(found) == (Path("/k.pem"), Path("conf/c.pem"), Path("conf/ca.pem"))
    assert of_document(None, FOLDER) == []


@pytest.mark.parametrize(
    ("document", "text"),
    [
        ([], "the file: got list; allowed is a map"),
        ({"stores": []}, "the file: got 'stores'; allowed are endpoints"),
        ({"endpoints": {"a": 1}}, "endpoints: got dict; allowed is a list"),
        ({"endpoints": [{"address": "a:1"}] * 1_001}, "endpoints: got 1001; allowed are 1000"),
        ({"endpoints": [{"adress": "a:1"}]}, r"endpoints\[0\]: got 'adress'; allowed are address"),
        ({"endpoints": [{"address": 5}]}, r"endpoints\[0\].address: got 5; allowed is a text"),
        ({"endpoints": [{"address": "a"}]}, r"endpoints\[0\].address: got 'a'; allowed is host"),
        ({"endpoints": [{"address": "a:1", "strict": "yes"}]}, "strict: got 'yes'; allowed are"),
        ({"endpoints": [{"address": "a:1", "group": True}]}, "group: name each store"),
    ],
)
def test_wrong_files_are_refused(document: Any, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        of_document(document, FOLDER)


@pytest.mark.parametrize(
    ("client", "text"),
    [
        ({"compression": "snappy"}, "compression: got 'snappy'; allowed is none"),
        (
            {"tls_config": {"enabled": True, "insecure_skip_verify": True}},
            "certificates are always verified",
        ),
        (
            {"tls_config": {"enabled": True, "cert_file": "c"}},
            "cert_file and key_file need each other",
        ),
    ],
)
def test_wrong_clients_are_refused(client: Any, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        of_document({"endpoints": [{"address": "a:1", "client_config": client}]}, FOLDER)
