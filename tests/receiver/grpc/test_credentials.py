"""What of a web configuration gRPC can do, and keys that change."""

from __future__ import annotations

from pathlib import Path

import pytest

from receiver.access.web_config import WebConfig, read_web_config
from receiver.grpc.credentials import Credentials, check_tls, is_new_enough
from receiver.settings.config import ConfigError
from tests.makers.certificates import Authority, make_authority


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    made = make_authority(tmp_path_factory.mktemp("keys") / "ca")
    made.issue("server", "/CN=localhost")
    return made


def config_of(authority: Authority, more: str = "") -> WebConfig:
    file = authority.directory / "web.yml"
    text = f"tls_server_config:\n  cert_file: server.crt\n  key_file: server.key\n{more}"
    file.write_text(text)
    return read_web_config(file).value


@pytest.mark.parametrize(
    "more, text",
    [
        ("", ""),
        ("  client_ca_file: ca.crt\n  client_auth_type: RequireAndVerifyClientCert\n", ""),
        ("  min_version: TLS13\n", ""),
        (
            "  client_ca_file: ca.crt\n  client_auth_type: VerifyClientCertIfGiven\n",
            "client_auth_type: got VerifyClientCertIfGiven",
        ),
        ("  cipher_suites: [TLS_AES_128_GCM_SHA256]\n", "cipher_suites"),
        ("  max_version: TLS12\n", "max_version: got TLS12"),
    ],
)
def test_what_grpc_cannot_do_is_refused(authority: Authority, more: str, text: str) -> None:
    config = config_of(authority, more)
    if not text:
        check_tls(config)
        return
    with pytest.raises(ConfigError, match=f"grpc.listen-address: tls_server_config.{text}"):
        check_tls(config)


def test_without_tls_there_is_nothing_to_check() -> None:
    check_tls(WebConfig())
    assert is_new_enough(WebConfig(), "")


def test_versions(authority: Authority) -> None:
    assert is_new_enough(config_of(authority), "TLSv1.2")
    strict = config_of(authority, "  min_version: TLS13\n")
    assert is_new_enough(strict, "TLSv1.3") and not is_new_enough(strict, "TLSv1.2")


def test_keys_are_read_again_when_they_change(authority: Authority, tmp_path: Path) -> None:
    first = config_of(authority)
    current = first
    credentials = Credentials(lambda: current)
    assert credentials.make() is not None
    assert credentials._changed() is None
    current = config_of(authority)
    assert credentials._changed() is not None
    assert credentials._changed() is None
    current = WebConfig()  # TLS cannot be switched off under connections
    assert credentials._changed() is None
