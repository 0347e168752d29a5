"""TLS of the gRPC server, by the web configuration.

gRPC chooses suites and versions itself, from TLS 1.2 on, and asks for a client's certificate always
or never. What the file says beyond that stops the start, but for min_version, which is looked at
with each call.
"""

from collections.abc import Callable
from typing import Any

import grpc

from receiver.access.web_config import Tls, WebConfig
from receiver.settings.config import ConfigError

TLS13 = "TLSv1.3"


def check_tls(config: WebConfig) -> None:
    """Raise ConfigError if gRPC cannot do what is configured."""
    tls = config.keys
    if tls is None:
        return
    wrong = ""
    if tls.client_auth == "VerifyClientCertIfGiven":
        wrong = (
            "client_auth_type: got VerifyClientCertIfGiven; allowed are NoClientCert and "
            "RequireAndVerifyClientCert"
        )
    elif tls.ciphers:
        wrong = "cipher_suites: got some; allowed are none"
    elif tls.versions[1] != "TLS13":
        wrong = f"max_version: got {tls.versions[1]}; allowed is TLS13"
    if wrong:
        raise ConfigError(f"web.config.file with grpc.listen-address: tls_server_config.{wrong}")


def is_new_enough(config: WebConfig, version: str) -> bool:
    """Whether a call that came by a version of TLS, as gRPC states it, may be served."""
    return config.keys is None or config.keys.versions[0] != "TLS13" or version == TLS13


class Credentials:
    """Keys and certificates as the file has them now. config: what it says; has TLS at first."""

    def __init__(self, config: Callable[[], WebConfig]) -> None:
        self._config = config
        self._current = config()

    def make(self) -> Any:
        """What a secure port needs. Raises OSError."""
        tls = self._current.keys
        assert tls is not None, "BUG: credentials without TLS"
        return grpc.dynamic_ssl_server_credentials(
            keys_of(tls), self._changed, tls.client_ca is not None
        )

    def _changed(self) -> Any:
        """New keys for new connections, None for those that are there. From any thread."""
        config = self._config()
        if config is self._current or config.keys is None:
            return None
        try:
            found = keys_of(config.keys)
        except OSError:  # being replaced just now
            return None
        self._current = config
        return found


def keys_of(tls: Tls) -> Any:
    """Raises OSError."""
    authority = None if tls.client_ca is None else tls.client_ca.read_bytes()
    pair = tls.key.read_bytes(), tls.cert.read_bytes()
    return grpc.ssl_server_certificate_configuration([pair], authority)
