"""Known weaknesses and licences of the libraries that users get: python -m deploy.audit

Weaknesses are asked of PyPI by pip-audit; that it does not answer is said, and nothing fails.
Licences are those that the installed packages declare; one that is not in ALLOWED fails.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from importlib.metadata import PackageNotFoundError, distribution, requires

from deploy.manifests import ROOT, TOOLS

# Words of licences that may be linked with Apache-2.0 and shipped in an image.
ALLOWED = re.compile(
    r"apache|bsd|mit\b|isc|psf|python software foundation|mpl[- ]2|mozilla|unlicense|zlib|0bsd"
    r"|\blgplv?3|lgpl-3",
    re.IGNORECASE,
)
AUDIT_S = 180


def shipped() -> set[str]:
    """Every distribution that a user gets with the program, by its normalized name."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    waiting, found = [name_of(text) for text in project["dependencies"]], set()
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        try:
            needed = requires(name) or []
        except PackageNotFoundError:  # for another Python or system
            continue
        found.add(name)
        waiting += [name_of(text) for text in needed if "extra ==" not in text]
    return found


def name_of(requirement: str) -> str:
    match = re.match(r"[A-Za-z0-9._-]+", requirement)
    assert match is not None, f"BUG: no requirement: {requirement!r}"
    return re.sub(r"[-_.]+", "-", match[0]).lower()


def licence(name: str) -> str:
    """What a distribution declares, in the newest of the three forms that it uses."""
    about = distribution(name).metadata
    declared = about.get("License-Expression") or ""
    classified = [c for c in about.get_all("Classifier", []) if c.startswith("License ::")]
    return declared or "; ".join(classified) or (about.get("License") or "").split("\n")[0]


def check_licences() -> list[str]:
    """The distributions whose licence is not allowed, with it."""
    found = {name: licence(name) for name in sorted(shipped())}
    return [f"{name}: {text or 'none'}" for name, text in found.items() if not ALLOWED.search(text)]


def check_weaknesses() -> tuple[list[str], str]:
    """Known weaknesses, and why it could not be looked for any."""
    program = TOOLS / "pip-audit"
    if not program.exists():
        return [], "pip-audit is not installed: make tools"
    pinned = (ROOT / "constraints.txt").read_text().splitlines()
    names = shipped()
    lines = [line for line in pinned if "==" in line and name_of(line) in names]
    command = [str(program), "--no-deps", "--disable-pip", "--format=json", "-r", "/dev/stdin"]
    try:
        done = subprocess.run(
            command,
            input="\n".join(lines),
            capture_output=True,
            text=True,
            timeout=AUDIT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return [], f"pip-audit had no answer within {AUDIT_S} s"
    return weaknesses(done.returncode, done.stdout, done.stderr)


def weaknesses(code: int, output: str, errors: str) -> tuple[list[str], str]:
    """What pip-audit's report says, or why there is none."""
    try:
        report = json.loads(output)
    except ValueError:
        last = (errors.strip().splitlines() or [f"code {code}"])[-1]
        return [], f"pip-audit could not look: {last[:200]}"
    found = [
        f"{one['name']} {one['version']}: {weakness['id']}"
        f" (fixed in {', '.join(weakness['fix_versions']) or 'nothing yet'})"
        for one in report["dependencies"]
        for weakness in one.get("vulns", [])
    ]
    return found, ""


def main() -> int:
    """Say what was found; 1 if that is anything."""
    found, excuse = check_weaknesses()
    problems = [*check_licences(), *found]
    if excuse:
        sys.stderr.write(f"known weaknesses are not looked for: {excuse}\n")
    for line in problems:
        sys.stderr.write(f"{line}\n")
    sys.stdout.write(f"audit: {len(shipped())} libraries, {len(problems)} problems\n")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
