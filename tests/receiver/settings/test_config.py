"""The configuration from files and flags."""

import subprocess
import sys
from pathlib import Path

import pytest

from receiver.settings.config import Config, ConfigError, build, load, settings
from receiver.settings.kinds import parse_value, render

DAY_MS = 86_400_000


def written(directory: Path, text: str) -> Path:
    path = directory / "cupola.yml"
    path.write_text(text)
    return path


def test_defaults_need_no_file() -> None:
    config = load(None)
    assert config == Config()
    assert config.web.listen_address == "127.0.0.1:9009"
    assert config.storage.retention_ms == 15 * DAY_MS
    assert config.dedup.replica_labels == ("prometheus_replica", "__replica__")


@pytest.mark.parametrize("name", list(settings()))
def test_every_default_passes_its_own_check(name: str) -> None:
    setting = settings()[name]
    text = render(setting.kind, setting.default)
    assert parse_value(setting.kind, text, setting.allowed) == setting.default
    assert build({name: text}) == Config()
    assert setting.help.endswith(".")


def test_no_two_settings_have_one_name_or_one_is_the_section_of_another() -> None:
    names = list(settings())
    assert len(names) == len(set(names)) > 30
    assert not [a for a in names for b in names if b.startswith(a + ".")]


@pytest.mark.parametrize(
    "text",
    [
        "storage: {retention: 30d, head.max-samples: 1000}\nweb: {listen-address: ':80'}",
        "storage:\n  retention: 30d\n  head: {max-samples: 1000}\nweb.listen-address: ':80'",
        "storage.retention: 30d\nstorage.head.max-samples: '1000'\nweb: {listen-address: ':80'}",
    ],
)
def test_a_file_may_nest_or_dot(tmp_path: Path, text: str) -> None:
    config = load(written(tmp_path, text))
    assert config.storage.retention_ms == 30 * DAY_MS
    assert config.storage.head_samples_max == 1000
    assert config.web.listen_address == ":80"
    assert config.query == Config().query


@pytest.mark.parametrize("text", ["", "# nothing\n", "storage:\nweb: {}\n", "---\n...\n"])
def test_an_empty_file_gives_the_defaults(tmp_path: Path, text: str) -> None:
    assert load(written(tmp_path, text)) == Config()


def test_flags_win_over_the_file(tmp_path: Path) -> None:
    path = written(tmp_path, "storage: {retention: 1d, path: /a}\nenable-feature: [x, y]")
    config = load(path, {"storage.retention": "0"})
    assert (config.storage.retention_ms, config.storage.path) == (0, "/a")
    assert config.program.features == ("x", "y")


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("storage: {retension: 1d}", ["storage.retension: no such", "mean storage.retention"]),
        ("write: {foo: 1}", ["write.foo: no such setting", "write.max-body-bytes"]),
        ("foo: 1", ["foo: no such setting; allowed are", "enable-feature", "storage.retention"]),
        ("1: 2", ["1: no such setting"]),
        ("storage: {retention: 15}", ["storage.retention: got 15; allowed is a duration"]),
        ("storage: {retention: }", ["storage.retention: got None"]),
        ("web: {listen-address: 9009}", ["web.listen-address: got 9009; allowed is a text"]),
        ("web: {listen-address: nonsense}", ["web.listen-address: got 'nonsense'", "host:port"]),
        ("web: {listen-address: 'a:99999'}", ["web.listen-address", "65535"]),
        ("log: {level: loud}", ["log.level: got 'loud'; allowed is one of debug, info"]),
        ("write: {max-body-bytes: 0}", ["write.max-body-bytes: got 0; allowed is 1 to 240MiB"]),
        ("write: {max-body-bytes: -1}", ["got -1"]),
        ("storage: 5", ["storage: no such setting"]),
        ("[1, 2]", ["got list; allowed is a map of settings"]),
        ("a: [", ["no valid YAML"]),
        ("storage: {retention: 1d, retention: 2d}", ["'retention' is given twice"]),
        ("storage: {retention: 1d}\nstorage.retention: 2d", ["storage.retention: given twice"]),
        ("? [1, 2]\n: 3", ["no valid YAML"]),
        ("a: !!python/object/apply:os.system [ls]", ["no valid YAML"]),
        ("[" * 5_000, ["no valid YAML"]),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, text: str, parts: list[str]) -> None:
    with pytest.raises(ConfigError) as caught:
        load(written(tmp_path, text))
    for part in parts:
        assert part in str(caught.value)


def test_all_problems_are_told_at_once() -> None:
    with pytest.raises(ConfigError) as caught:
        build({"foo": 1, "storage.retention": "x", "log.level": "x", "storage.path": "ok"})
    assert len(str(caught.value).splitlines()) == 3


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    binary, large = tmp_path / "binary", tmp_path / "large"
    binary.write_bytes(b"\xff\xfe\x00")
    large.write_bytes(b"#" * (1 << 21))
    for path in (tmp_path / "missing", tmp_path, binary, large):
        with pytest.raises(ConfigError, match=str(path)):
            load(path)


def test_loading_a_configuration_loads_neither_numba_nor_duckdb() -> None:
    code = (
        "import sys, receiver.settings.config; "
        "sys.exit(bool({'numba', 'duckdb', 'aiohttp', 'pyarrow'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
