"""Completion, asked of the shells themselves where they are installed."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from receiver.cli import make_parser
from receiver.describing.commands import described
from receiver.describing.completion import SHELLS, fish_quoted, quoted

PROGRAM = described(make_parser())
# Words before the cursor, and some of what has to be offered there.
CASES = [
    (("se",), {"serve"}),
    (("serve", "--storage.pa"), {"--storage.path"}),
    (("rules", "re"), {"replay"}),
    (("completion", ""), {"bash", "zsh", "fish"}),
    (("sql", "--format", ""), {"table", "csv", "json"}),
    (("serve", "--log.format", "j"), {"json"}),
]


def run(shell: str, script: str) -> set[str]:
    """The lines that a script prints, without what is said of them."""
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    # Without the files of whoever runs the tests.
    bare = {"bash": "--norc", "fish": "--no-config", "zsh": "-f"}[shell]
    done = subprocess.run([shell, bare, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return {line.split("\t")[0].rstrip("=") for line in done.stdout.splitlines()}


@pytest.mark.parametrize("shell", SHELLS)
def test_the_shell_understands_the_script(shell: str, tmp_path: Path) -> None:
    path = tmp_path / "script"
    path.write_text(SHELLS[shell](PROGRAM))
    run(shell, f"{shell} -n {path}")


@pytest.mark.parametrize(("words", "wanted"), CASES)
def test_bash(words: tuple[str, ...], wanted: set[str], tmp_path: Path) -> None:
    path = tmp_path / "script"
    path.write_text(SHELLS["bash"](PROGRAM))
    typed = " ".join(quoted(word) for word in ("cupola", *words))
    # compopt has a meaning only while a user types.
    script = (
        f"source {path}; compopt() {{ :; }}; COMP_WORDS=({typed}); COMP_CWORD={len(words)}; "
        '_cupola; printf "%s\\n" "${COMPREPLY[@]}"'
    )
    assert wanted <= run("bash", script)


def test_bash_where_words_are_cut_at_the_equals_sign(tmp_path: Path) -> None:
    path = tmp_path / "script"
    path.write_text(SHELLS["bash"](PROGRAM))
    for typed, count in (("cupola serve --log.format =", 3), ("cupola serve --log.format = j", 4)):
        script = (
            f"source {path}; COMP_WORDS=({typed}); COMP_CWORD={count}; _cupola; "
            'printf "%s\\n" "${COMPREPLY[@]}"'
        )
        found = run("bash", script)
        assert "json" in found and found <= {"json", "logfmt"}


@pytest.mark.parametrize(("words", "wanted"), CASES)
def test_fish(words: tuple[str, ...], wanted: set[str], tmp_path: Path) -> None:
    path = tmp_path / "script"
    path.write_text(SHELLS["fish"](PROGRAM))
    typed = fish_quoted(" ".join(("cupola", *words)))
    assert wanted <= run("fish", f"source {path}; complete -C{typed}")


@pytest.mark.parametrize("shell", SHELLS)
def test_every_flag_and_command_is_known(shell: str) -> None:
    script = SHELLS[shell](PROGRAM)
    for command in PROGRAM.all():
        assert command.name in script
        for flag in command.flags:
            assert all(name.lstrip("-") in script for name in flag.names)


@pytest.mark.parametrize("text", ["it's", "a\\b", '$HOME `x` "y" [z]'])
def test_texts_are_taken_as_they_are(text: str) -> None:
    assert run("bash", f"printf '%s\\n' {quoted(text)}") == {text}
