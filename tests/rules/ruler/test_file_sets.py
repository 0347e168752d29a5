"""Rules of many files: whose they are, and what one bad file does."""

from __future__ import annotations

from pathlib import Path

import pytest

from api.promql.features import DEFAULT_FEATURES, Features
from rules.ruler import file_sets
from rules.ruler.file_sets import FileSetError, read
from tests.makers.rules.ruling import recording

GOOD = recording(("a", "m"))
BAD = recording(("a", "m +"))


def write(folder: Path, **files: str) -> None:
    for name, text in files.items():
        path = folder / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.with_suffix(".yml").write_text(text)


def test_folders_name_tenants(tmp_path: Path) -> None:
    write(tmp_path, one__a=GOOD, one__b=GOOD, two__a=GOOD, two__empty="")
    found = read([f"{tmp_path}/*/*.yml", f"{tmp_path}/one/a.yml"], "", DEFAULT_FEATURES)
    assert {tenant: len(groups) for tenant, groups in found.groups.items()} == {"one": 2, "two": 1}
    assert [group.file for group in found.groups["one"]] == [
        f"{tmp_path}/one/a.yml",
        f"{tmp_path}/one/b.yml",
    ]
    assert len(found.files) == 4
    all_of_one = read([f"{tmp_path}/*/*.yml"], "mine", DEFAULT_FEATURES)
    assert {tenant: len(groups) for tenant, groups in all_of_one.groups.items()} == {"mine": 3}
    assert read([f"{tmp_path}/none/*"], "", DEFAULT_FEATURES).groups == {}
    below = read([f"{tmp_path}/**/*.yml"], "", DEFAULT_FEATURES)
    assert len(below.files) == 4


@pytest.mark.parametrize(
    ("files", "errors"),
    [
        ({"t__bad": BAD, "t__good": GOOD, "t__worse": "groups: 1"}, ["bad.yml: ", "worse.yml: "]),
        ({"not+one__a": GOOD}, ["invalid tenant 'not+one'"]),
        (
            {"t__a": GOOD.replace("  rules:", "  source_tenants: [a, b/c]\n  rules:")},
            ["invalid tenant 'b/c'"],
        ),
        ({"t__a": GOOD.replace("m\n", "sort_by_label(m, 'a')\n")}, ["sort_by_label"]),
    ],
)
def test_what_is_wrong_is_all_reported(
    tmp_path: Path, files: dict[str, str], errors: list[str]
) -> None:
    write(tmp_path, **files)
    with pytest.raises(FileSetError) as caught:
        read([f"{tmp_path}/*/*.yml"], "", Features())
    assert all(error in str(caught.value) for error in errors)


def test_files_are_limited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, t__a=GOOD, t__b=GOOD)
    monkeypatch.setattr(file_sets, "FILES_MAX", 1)
    with pytest.raises(FileSetError, match="matches 2 files, at most 1 are read"):
        read([f"{tmp_path}/*/*.yml"], "", DEFAULT_FEATURES)
