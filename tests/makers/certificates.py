"""Keys and certificates for tests, made by the openssl command."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest


@dataclass(frozen=True)
class Authority:
    """A certificate authority in a directory of its own."""

    directory: Path

    @property
    def certificate(self) -> Path:
        return self.directory / "ca.crt"

    def issue(
        self, name: str, subject: str, alternative: str = "DNS:localhost"
    ) -> tuple[Path, Path]:
        """The files of a certificate and its key. alternative: names such as DNS:a,URI:b."""
        key, request, certificate = (
            self.directory / f"{name}.{suffix}" for suffix in ("key", "csr", "crt")
        )
        extensions = self.directory / f"{name}.ext"
        extensions.write_text(f"subjectAltName={alternative}\n")
        openssl("req", "-new", *NEW_KEY, "-keyout", key, "-out", request, "-subj", subject)
        openssl(
            "x509", "-req", "-in", request, "-out", certificate, "-days", "2",
            "-CA", self.certificate, "-CAkey", self.directory / "ca.key", "-CAcreateserial",
            "-extfile", extensions,
        )  # fmt: skip
        return certificate, key


NEW_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


def make_authority(directory: Path) -> Authority:
    if shutil.which("openssl") is None:
        pytest.skip("needs the openssl command")
    directory.mkdir()
    authority = Authority(directory)
    openssl(
        "req", "-x509", "-days", "2", *NEW_KEY, "-subj", "/CN=test authority",
        "-keyout", directory / "ca.key", "-out", authority.certificate,
    )  # fmt: skip
    return authority


def openssl(*arguments: str | Path) -> None:
    command = ["openssl", *map(str, arguments)]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
