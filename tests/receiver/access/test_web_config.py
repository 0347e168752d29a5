"""Prometheus' web configuration file: what is taken of it, and what is wrong with others."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest

from receiver.access.web_config import WebConfig, read_web_config, subject_names
from receiver.settings.config import ConfigError
from tests.makers.certificates import make_authority

HASH = "$2b$04$abcdefghijklmnopqrstuuABCDEFGHIJKLMNOPQRSTUVWXYZ01234"
CERTIFICATE = {
    "subject": ((("organizationName", "o"),), (("commonName", "c"),), (("commonName", "d"),)),
    "subjectAltName": (("DNS", "x"), ("URI", "spiffe://y")),
}


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with ca.crt, web.crt and web.key."""
    authority = make_authority(tmp_path_factory.mktemp("keys") / "ca")
    authority.issue("web", "/CN=localhost")
    return authority.directory


def read(directory: Path, text: str) -> WebConfig:
    path = directory / "web.yml"
    path.write_text(text)
    return read_web_config(path).value


def test_an_empty_file_asks_for_nothing(tmp_path: Path) -> None:
    assert read(tmp_path, "") == WebConfig()


def test_users_and_headers(tmp_path: Path) -> None:
    text = f"""
basic_auth_users: {{alice: {HASH}, "7": {HASH.replace("2b", "2y")}}}
http_server_config: {{http2: false, headers: {{X-Frame-Options: deny}}}}
"""
    config = read(tmp_path, text)
    assert config.users == {"alice": HASH.encode(), "7": HASH.replace("2b", "2y").encode()}
    assert (config.tls, config.headers) == (None, {"X-Frame-Options": "deny"})


@pytest.mark.parametrize(
    ("more", "mode", "least"),
    [
        ("", ssl.CERT_NONE, ssl.TLSVersion.TLSv1_2),
        (
            "client_auth_type: NoClientCert, min_version: TLS13",
            ssl.CERT_NONE,
            ssl.TLSVersion.TLSv1_3,
        ),
        (
            "client_auth_type: VerifyClientCertIfGiven, client_ca_file: ca.crt",
            ssl.CERT_OPTIONAL,
            ssl.TLSVersion.TLSv1_2,
        ),
        (
            "client_auth_type: RequireAndVerifyClientCert, client_ca_file: ca.crt, "
            "cipher_suites: [TLS_AES_128_GCM_SHA256], client_allowed_sans: [x]",
            ssl.CERT_REQUIRED,
            ssl.TLSVersion.TLSv1_3,
        ),
    ],
)
def test_tls(keys: Path, more: str, mode: ssl.VerifyMode, least: ssl.TLSVersion) -> None:
    text = f"tls_server_config: {{cert_file: web.crt, key_file: web.key, {more}}}"
    tls = read(keys, text).tls
    assert tls is not None
    assert (tls.verify_mode, tls.minimum_version) == (mode, least)
    files = read_web_config(keys / "web.yml").files
    wanted = ["web.crt", "web.key"] + ["ca.crt"] * (mode != ssl.CERT_NONE)
    assert [file.name for file in files] == wanted


def test_chosen_ciphers(keys: Path) -> None:
    name = "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"
    tls = read(
        keys,
        f"tls_server_config: {{cert_file: web.crt, key_file: web.key, cipher_suites: [{name}]}}",
    ).tls
    assert tls is not None
    old = {c["name"] for c in tls.get_ciphers() if c["protocol"] != "TLSv1.3"}
    assert old == {"ECDHE-RSA-AES128-GCM-SHA256"}


TLS = "cert_file: web.crt, key_file: web.key"


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("[]", "the file: got list; allowed is a map"),
        ("tls: {}", "got 'tls'; allowed are tls_server_config, http_server_config, basic_auth"),
        ("basic_auth_users: {a: secret}", "basic_auth_users.a: allowed is a bcrypt hash of cost 4"),
        (f"basic_auth_users: {{a: {HASH.replace('04', '31')}}}", "basic_auth_users.a: allowed is"),
        ("basic_auth_users: {a: 5}", "basic_auth_users.a: allowed is a bcrypt hash"),
        (
            "http_server_config: {headers: {Server: x}}",
            "got 'Server'; allowed are Content-Security",
        ),
        ("http_server_config: {headers: {X-Frame-Options: 5}}", "X-Frame-Options: got 5; allowed"),
        ("tls_server_config: {cert_file: web.crt}", "key_file: got none"),
        ("tls_server_config: {key_file: web.key}", "cert_file: got none"),
        ("tls_server_config: {cert_file: 5}", "cert_file: got 5; allowed is a text"),
        (
            f"tls_server_config: {{{TLS}, min_version: SSL30}}",
            "min_version: got 'SSL30'; allowed is",
        ),
        (f"tls_server_config: {{{TLS}, cipher_suites: [x]}}", "cipher_suites: got 'x'; allowed is"),
        (f"tls_server_config: {{{TLS}, cipher_suites: x}}", "got 'x'; allowed is a list of texts"),
        (f"tls_server_config: {{{TLS}, client_auth_type: RequestClientCert}}", "allowed is one of"),
        (f"tls_server_config: {{{TLS}, client_ca_file: ca.crt}}", "need each other"),
        (
            f"tls_server_config: {{{TLS}, client_auth_type: RequireAndVerifyClientCert}}",
            "need each other",
        ),
        (
            f"tls_server_config: {{{TLS}, curve_preferences: []}}",
            "got 'curve_preferences'; allowed",
        ),
        ("tls_server_config: {cert_file: none, key_file: web.key}", "none is no file"),
        (
            "tls_server_config: {cert_file: ca.crt, key_file: web.key}",
            "web.yml: .*key values mismatch",
        ),
    ],
)
def test_what_is_refused(keys: Path, text: str, error: str) -> None:
    with pytest.raises(ConfigError, match=error) as raised:
        read(keys, text)
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        ("commonName", ("c", "d")),
        ("organizationName", ("o",)),
        ("DNS", ("x",)),
        ("URI", ("spiffe://y",)),
        ("email", ()),
    ],
)
def test_names_of_certificates(kind: str, names: tuple[str, ...]) -> None:
    assert subject_names(CERTIFICATE, kind) == names
    assert subject_names({}, kind) == ()
