"""`cupola restore`, and the steps of docs/operating.md around it."""

import re
import shlex
import shutil
from pathlib import Path

import pytest

from receiver.cli import main
from tests.makers.buckets.databases import bucket_at, store_at, with_bucket, worker_of
from tests.makers.buckets.servers import directory_text
from tests.makers.databases import opened, seal, series, write
from tests.storage.test_snapshot import points_of

PAGE = Path(__file__).parents[3] / "docs" / "operating.md"


def documented_steps() -> list[list[str]]:
    """The commands of the example, in order."""
    section = PAGE.read_text().split("## Backup and restore")[1].split("\n## ")[0]
    (block,) = re.findall(r"```sh\n(.*?)```", section, re.DOTALL)
    return [shlex.split(line, comments=True) for line in block.splitlines() if line.strip()]


def test_the_documented_steps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    places = {"/var/lib/cupola-restored": "restored", "/var/lib/cupola": "data", "/backup": "away"}

    def here(word: str) -> str:
        for documented, name in places.items():
            word = word.replace(documented, str(tmp_path / name))
        return word

    (tmp_path / "away").mkdir()
    with opened(tmp_path / "data") as database:
        write(database, [series("a", [(1, 1.0)])])
        seal(database)
        write(database, [series("a", [(2, 2.0)])])
        for step in documented_steps():
            program, *arguments = [here(word) for word in step]
            assert program in {"cupola", "cp"}
            run(program, arguments)
        write(database, [series("a", [(3, 3.0)])])
    assert "restored from" in capsys.readouterr().out
    assert points_of(tmp_path / "restored") == [(1, 1.0), (2, 2.0)]


def run(program: str, arguments: list[str]) -> None:
    """A step; the server is not started here but by who reads the result."""
    if program == "cp":
        flags, source, target = arguments
        assert flags == "-a"
        shutil.copytree(source, Path(target) / Path(source).name)
    elif arguments[0] != "serve":
        assert main(arguments) == 0


def test_what_cannot_be_restored(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = str(tmp_path / "target")
    assert main(["restore", str(tmp_path), "--storage.path", target]) == 1
    assert "is no snapshot" in capsys.readouterr().err
    assert not Path(target).exists()


def test_a_bucket_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = store_at(tmp_path / "bucket")
    with with_bucket(tmp_path / "data", bucket_at(store)) as database:
        write(database, [series("a", [(1, 1.0)])])
        seal(database)
        worker_of(database).round(1)
    flags = [f"--objstore.config={directory_text(tmp_path / 'bucket')}"]
    assert main(["restore", *flags, f"--storage.path={tmp_path / 'new'}"]) == 0
    assert f"restored from file://{tmp_path / 'bucket'} segments=1" in capsys.readouterr().out
    assert points_of(tmp_path / "new") == [(1, 1.0)]
    assert main(["restore", *flags, f"--storage.path={tmp_path / 'new'}"]) == 1
    assert "is restored to an empty directory only" in capsys.readouterr().err
    assert main(["restore", f"--storage.path={tmp_path / 'other'}"]) == 2
    assert "name a snapshot, or a bucket" in capsys.readouterr().err
    path = f"--storage.path={tmp_path / 'lean'}"
    assert main(["restore", "--leave-samples", *flags, path]) == 0
    assert not list((tmp_path / "lean").rglob("samples.parquet"))
