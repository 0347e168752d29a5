"""Lists of servers that answer remote read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from receiver.stores.endpoints import TlsFiles
from receiver.stores.remote_read.servers import Server, files_of, of_document, server_of
from tests.makers.certificates import make_authority


@pytest.mark.parametrize("url", ["", "prometheus:9090", "ftp://a/b", "http://", "http://u:p@a/"])
def test_wrong_urls_are_refused(url: str) -> None:
    with pytest.raises(ValueError, match="allowed is http://host/path"):
        server_of(url)


def test_a_section_is_read(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("secret\n")
    (tmp_path / "password").write_text("word\n")
    authority = make_authority(tmp_path / "ca")
    certificate, key = authority.issue("own", "/CN=own")
    entries = [
        {"url": "http://a:9090/api/v1/read", "external_labels": {"cluster": "eu"}},
        {
            "url": "https://b/read",
            "headers": {"X-Scope-OrgID": "edge"},
            "bearer_token_file": "token",
            "tls_config": {
                "ca_file": "ca/ca.crt",
                "cert_file": str(certificate),
                "key_file": str(key),
            },
            "tenant": "edge",
        },
        {
            "url": "https://c/read",
            "basic_auth": {"username": "me", "password_file": "password"},
            "tls_config": {"insecure_skip_verify": True},
        },
    ]
    found = of_document(entries, tmp_path)
    tls = TlsFiles(str(tmp_path / "ca/ca.crt"), str(certificate), str(key))
    assert found[0] == Server(entries[0]["url"], {"cluster": "eu"}, tls=TlsFiles())  # type: ignore
    assert found[1].headers == {"X-Scope-OrgID": "edge", "Authorization": "Bearer secret"}
    assert (found[1].tls, found[1].tenant) == (tls, "edge")
    assert found[2].headers == {"Authorization": "Basic bWU6d29yZA=="}
    assert found[0].context() is None
    contexts = [server.context() for server in found[1:]]
    assert [context is not None and context.check_hostname for context in contexts] == [True, False]
    assert set(files_of(found)) == {
        tmp_path / "token", tmp_path / "password", tmp_path / "ca/ca.crt", certificate, key
    }  # fmt: skip
    assert of_document(None, tmp_path) == []
    assert len({*found, *found}) == 3


@pytest.mark.parametrize(
    ("document", "text"),
    [
        ({}, ""),
        ({"a": 1}, "remote_read: got dict; allowed is a list"),
        ([{"url": "a"}], r"remote_read\[0\].url: got 'a'; allowed is http"),
        ([{"link": "a"}], r"remote_read\[0\]: got 'link'; allowed are url"),
        ([{"url": "http://a/"}] * 1_001, "remote_read: got 1001; allowed are 1000"),
        ([{"url": "http://a/", "headers": {"Host": "b"}}], "setting header 'Host' is not allowed"),
        ([{"url": "http://a/", "headers": {"X": "b\n"}}], "headers: allowed are texts of one line"),
        ([{"url": "http://a/", "external_labels": {"a": 1}}], "a: got 1; allowed is a text"),
        ([{"url": "https://a/", "tls_config": {"cert_file": "x"}}], "key_file need each other"),
        ([{"url": "https://a/", "tls_config": {"ca_file": "missing"}}], "No such file"),
    ],
)
def test_wrong_sections_are_refused(tmp_path: Path, document: Any, text: str) -> None:
    if not document:
        assert of_document(document, tmp_path) == []
        return
    with pytest.raises((ValueError, OSError), match=text):
        of_document(document, tmp_path)
