"""A support bundle has what helps, and no secret."""

from __future__ import annotations

import tarfile
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from receiver.cli import main
from receiver.doctor import bundle
from receiver.doctor.bundle import listing, tail, without_words, write_bundle

SECRET = "hunter2"


def contents(path: Path) -> dict[str, str]:
    """The members by name, without the folder that all are in."""
    with tarfile.open(path) as archive:
        found = {}
        for member in archive.getmembers():
            file = archive.extractfile(member)
            assert file is not None
            found[member.name.partition("/")[2]] = file.read().decode()
    return found


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """A configuration with secrets everywhere, and a data directory."""
    (tmp_path / "auth.yml").write_text(f"tokens: [{{token: {SECRET}, name: x, tenant: t}}]\n")
    (tmp_path / "auth.yml").chmod(0o600)
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "catalog.sqlite").write_text("x" * 7)
    (tmp_path / "cupola.yml").write_text(
        f"storage.path: {tmp_path / 'data'}\n"
        f"rules.alertmanagers.urls: ['http://u:{SECRET}@am:9093']\n"
        f"objstore.config: 'type: S3\\nconfig: {{secret_key: {SECRET}}}'\n"
        f"auth.file: {tmp_path / 'auth.yml'}\n"
    )
    return tmp_path


class Server(BaseHTTPRequestHandler):
    """Says its path, and what it was asked with."""

    def do_GET(self) -> None:
        if self.path.endswith("flags"):
            self.send_error(403)
            return
        self.send_response(200)
        self.end_headers()
        self.wfile.write(f"{self.path} Authorization: {self.headers['Authorization']}".encode())

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), Server) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()
        thread.join()


def test_a_bundle_has_what_helps_and_no_secret(installed: Path, server: str) -> None:
    log = installed / "cupola.log"
    log.write_text(f"level=info msg=started\nlevel=debug password={SECRET}\n")
    target = installed / "bundle.tar.gz"
    headers = {"Authorization": f"Bearer {SECRET}"}
    write_bundle(target, config=installed / "cupola.yml", server=(server, headers), log=log)
    found = contents(target)
    assert {"doctor.json", "config.yml", "files.txt", "log.txt"} <= set(found)
    assert "msg=started" in found["log.txt"]
    assert "7 catalog.sqlite" in found["files.txt"]
    assert "/metrics" in found["server/metrics.txt"]
    assert "not answered" in found["server/api-v1-status-flags.txt"]
    assert len([name for name in found if name.startswith("server/")]) == len(bundle.PATHS)
    assert not [name for name, text in found.items() if SECRET in text]


def test_one_that_is_there_is_kept(installed: Path) -> None:
    target = installed / "bundle.tar.gz"
    target.write_text("mine")
    with pytest.raises(FileExistsError):
        write_bundle(target)
    assert target.read_text() == "mine"


def test_the_command(installed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = installed / "bundle.tar.gz"
    arguments = ["support-bundle", str(target), f"--config={installed / 'cupola.yml'}"]
    assert main(arguments) == 0
    assert str(target) in capsys.readouterr().out
    assert main(arguments) == 1
    assert main([*arguments, "--url-header=nonsense"]) == 2


@pytest.mark.parametrize(
    "text",
    [
        "Authorization: Bearer hunter2",
        "password=hunter2",
        '"secret_key": "hunter2"',
        "http://user:hunter2@host/",
        "token: hunter2, name: x",
    ],
)
def test_secrets_of_texts(text: str) -> None:
    assert SECRET not in without_words(text)


def test_other_words_stay() -> None:
    text = "level=info msg=listening address=127.0.0.1 port=9009 basics tokens_total 4"
    assert without_words(text) == text


def test_long_logs_and_lists_are_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundle, "LOG_BYTES_MAX", 4)
    monkeypatch.setattr(bundle, "FILES_LISTED_MAX", 1)
    (tmp_path / "a.log").write_text("123456")
    (tmp_path / "b.log").write_text("")
    assert tail(tmp_path / "a.log") == "3456"
    assert "cannot be read" in tail(tmp_path / "missing")
    assert [line.split()[-1] for line in listing(tmp_path)] == ["a.log", "more"]
