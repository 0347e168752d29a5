"""The version of the program."""

import tomllib
from pathlib import Path

from receiver.version import program_version


def test_the_version_is_that_of_the_project() -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())
    assert program_version() in (project["project"]["version"], "unknown")
