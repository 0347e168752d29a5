"""What requests show and check: of each field, and what is refused."""

import ssl
from pathlib import Path
from typing import Any

import msgspec
import pytest

from rules.notifying.access import Access, HttpClient, access_of
from tests.makers.certificates import make_authority


def of(fields: dict[str, Any], directory: Path = Path()) -> Access:
    return access_of(msgspec.convert(fields, HttpClient), directory, [])


@pytest.mark.parametrize(
    ("fields", "header"),
    [
        ({}, None),
        ({"basic_auth": {"username": "u", "password": "p"}}, "Basic dTpw"),
        (
            {"basic_auth": {"username": "u", "password_file": "secret"}},
            "Basic dTpmcm9tIGEgZmlsZQ==",
        ),
        ({"authorization": {"credentials": "t"}}, "Bearer t"),
        ({"authorization": {"type": "Token", "credentials": "t"}}, "Token t"),
        ({"authorization": {"credentials_file": "secret"}}, "Bearer from a file"),
        ({"bearer_token": "t"}, "Bearer t"),
        ({"bearer_token_file": "secret"}, "Bearer from a file"),
    ],
)
def test_credentials(tmp_path: Path, fields: dict[str, Any], header: str | None) -> None:
    (tmp_path / "secret").write_text("from a file\n")
    headers = dict(of(fields, tmp_path).headers)
    assert headers == ({} if header is None else {"Authorization": header})


def test_other_fields(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("from a file\n")
    header = {"values": ["a", "b"], "secrets": ["c"], "files": ["secret"]}
    access = of(
        {"http_headers": {"X-One": header}, "proxy_url": "http://p", "follow_redirects": False,
         "enable_http2": False},
        tmp_path,
    )  # fmt: skip
    assert access.headers == tuple(("X-One", text) for text in ("a", "b", "c", "from a file"))
    assert (access.proxy, access.follows, access.tls) == ("http://p", False, None)


def test_the_files_that_are_named_are_noted(tmp_path: Path) -> None:
    authority = make_authority(tmp_path / "authority")
    certificate, key = authority.issue("client", "/CN=cupola")
    files: list[Path] = []
    (tmp_path / "secret").write_text("x")
    fields = {
        "authorization": {"credentials_file": "secret"},
        "tls_config": {
            "ca_file": str(authority.certificate),
            "cert_file": str(certificate),
            "key_file": str(key),
            "server_name": "am",
            "min_version": "TLS13",
        },
    }
    access = access_of(msgspec.convert(fields, HttpClient), tmp_path, files)
    assert set(files) == {tmp_path / "secret", authority.certificate, certificate, key}
    assert access.server_name == "am"
    assert access.tls is not None
    assert access.tls.minimum_version is ssl.TLSVersion.TLSv1_3
    assert access.tls.verify_mode is ssl.CERT_REQUIRED


def test_servers_need_not_be_verified() -> None:
    access = of({"tls_config": {"insecure_skip_verify": True}})
    assert access.tls is not None
    assert (access.tls.check_hostname, access.tls.verify_mode) == (False, ssl.CERT_NONE)


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"basic_auth": {}, "bearer_token": "geheim"}, "at most one of basic_auth, authorization"),
        (
            {"basic_auth": {"password": "geheim", "password_file": "x"}},
            "at most one of password & password_file must be configured",
        ),
        ({"authorization": {"type": "Basic", "credentials": "geheim"}}, 'use "basic_auth" instead'),
        ({"http_headers": {"Authorization": {"values": ["geheim"]}}}, "'Authorization' is not"),
        ({"http_headers": {"X-A": {"secrets": ["geheim\n"]}}}, "http_headers.X-A: allowed are"),
        ({"tls_config": {"min_version": "TLS10"}}, "tls_config.min_version: got 'TLS10'"),
        ({"tls_config": {"cert_file": "x"}}, "cert_file and key_file need each other"),
        ({"sigv4": {"region": "geheim"}}, "sigv4: not there in Cupola"),
        ({"bearer_token_file": "large"}, "bearer_token_file: larger than 1048576 bytes"),
    ],
)
def test_what_is_refused_shows_no_secret(tmp_path: Path, fields: dict[str, Any], text: str) -> None:
    (tmp_path / "large").write_text("x" * (1 << 20) + "x")
    with pytest.raises(ValueError) as raised:
        of(fields, tmp_path)
    assert text in str(raised.value)
    assert "geheim" not in str(raised.value)


def test_a_file_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="missing"):
        of({"bearer_token_file": "missing"}, tmp_path)
