"""The flags of `cupola sidecar`, Thanos' names among them."""

from __future__ import annotations

from pathlib import Path

import pytest

from receiver.cli import main, make_parser
from receiver.gateway.flags import configured, given_by
from receiver.settings.config import ConfigError
from receiver.sidecar.command import sidecar_options


def parsed(*arguments: str) -> tuple[object, object]:
    options = make_parser().parse_args(["sidecar", *arguments])
    return configured(options.config, given_by(options)), sidecar_options(options)


def test_flags_as_thanos_names_them(tmp_path: Path) -> None:
    config, options = parsed(
        "--prometheus.url=http://p:9090/", "--tsdb.path=/data", "--http-address=:1",
        "--grpc-address=:2", "--objstore.config-file=b.yml", "--prometheus.get_config_interval=5s",
        "--shipper.ignore-unequal-block-size",
    )  # fmt: skip
    assert (config.web.listen_address, config.grpc.listen_address) == (":1", ":2")  # type: ignore[attr-defined]
    assert config.objstore.config_file == "b.yml"  # type: ignore[attr-defined]
    assert options.prometheus.url == "http://p:9090"  # type: ignore[attr-defined]
    assert (options.directory, options.config_interval_s) == ("/data", 5.0)  # type: ignore[attr-defined]
    assert options.ignores_durations  # type: ignore[attr-defined]


def test_defaults_are_those_of_thanos(tmp_path: Path) -> None:
    config, options = parsed()
    assert (config.web.listen_address, config.grpc.listen_address) == (":10902", ":10901")  # type: ignore[attr-defined]
    assert (options.prometheus.url, options.directory) == ("http://localhost:9090", "./data")  # type: ignore[attr-defined]
    file = tmp_path / "cupola.yml"
    file.write_text("web: {listen-address: ':7'}\n")
    config, _ = parsed(f"--config={file}")
    assert (config.web.listen_address, config.grpc.listen_address) == (":7", ":10901")  # type: ignore[attr-defined]


def test_how_the_prometheus_is_asked(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("secret\n")
    file = tmp_path / "client.yml"
    file.write_text("bearer_token_file: token\nheaders: {X-A: b}\n")
    _, options = parsed(f"--prometheus.client-file={file}")
    assert options.prometheus.headers == {"X-A": "b", "Authorization": "Bearer secret"}  # type: ignore[attr-defined]
    file.write_text("unknown: 1\n")
    with pytest.raises(ConfigError, match="unknown"):
        parsed(f"--prometheus.client-file={file}")


@pytest.mark.parametrize(
    ("argument", "text"),
    [
        ("--prometheus.url=ftp://x", "--prometheus.url"),
        ("--shipper.interval=soon", "--shipper.interval: got 'soon'"),
        ("--objstore.config-file=/does/not/exist", "/does/not/exist"),
        ("--grpc-address=nowhere", "grpc.listen-address"),
    ],
)
def test_what_is_wrong_is_said(
    argument: str, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["sidecar", "--http-address=127.0.0.1:0", argument]) == 2
    assert text in capsys.readouterr().err
