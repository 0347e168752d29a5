"""The audit: which libraries users get, their licences, and what a report of weaknesses says."""

from __future__ import annotations

import json

import pytest

from deploy import audit
from deploy.audit import ALLOWED, check_licences, name_of, shipped, weaknesses


@pytest.mark.parametrize(
    ("requirement", "name"),
    [("aiohttp>=3.14.5,<4", "aiohttp"), ("PyYAML>=6", "pyyaml"), ("google_re2[x]", "google-re2")],
)
def test_names(requirement: str, name: str) -> None:
    assert name_of(requirement) == name


def test_users_get_libraries_of_libraries_but_none_of_the_tests() -> None:
    found = shipped()
    assert {"numba", "llvmlite", "multidict", "pyarrow"} <= found
    assert not {"pytest", "ruff", "moto", "playwright"} & found


def test_licences_of_all_libraries_are_allowed() -> None:
    assert check_licences() == []


@pytest.mark.parametrize("text", ["Apache-2.0", "MIT License", "BSD-3-Clause", "PSF-2.0"])
def test_allowed(text: str) -> None:
    assert ALLOWED.search(text)


@pytest.mark.parametrize("text", ["", "GPL-3.0-only", "AGPL-3.0", "Proprietary", "SSPL-1.0"])
def test_not_allowed(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit, "shipped", lambda: {"numba"})
    monkeypatch.setattr(audit, "licence", lambda name: text)
    assert check_licences() == [f"numba: {text or 'none'}"]


def test_a_report_with_weaknesses() -> None:
    report = {
        "dependencies": [
            {"name": "good", "version": "1", "vulns": []},
            {
                "name": "bad",
                "version": "2",
                "vulns": [
                    {"id": "CVE-1", "fix_versions": ["3"]},
                    {"id": "CVE-2", "fix_versions": []},
                ],
            },
        ]
    }
    assert weaknesses(1, json.dumps(report), "") == (
        ["bad 2: CVE-1 (fixed in 3)", "bad 2: CVE-2 (fixed in nothing yet)"],
        "",
    )


@pytest.mark.parametrize("errors", ["", "a\nConnectionError: no route"])
def test_no_report_is_said_and_no_weakness(errors: str) -> None:
    found, excuse = weaknesses(2, "", errors)
    assert found == [] and (errors.split("\n")[-1] or "code 2") in excuse


def test_without_the_tool_nothing_is_looked_for(
    monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> None:
    monkeypatch.setattr(audit, "TOOLS", tmp_path)
    assert audit.check_weaknesses() == ([], "pip-audit is not installed: make tools")
