"""The container image: hadolint's rules, what Kubernetes and OpenShift ask for, and its command.

No engine of containers is needed: what it would do is not tried here.
"""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest

from deploy.manifests import TOOLS
from receiver.cli import make_parser

ROOT = Path(__file__).resolve().parents[2]
FILE = ROOT / "deploy" / "container" / "Containerfile"


def instructions() -> list[tuple[str, str]]:
    """(NAME, arguments) of each, with lines joined and without comments."""
    text = re.sub(r"^\s*#.*\n", "", FILE.read_text(), flags=re.MULTILINE)
    lines = re.sub(r"\\\n\s*", " ", text).splitlines()
    return [(line.split()[0], line.split(maxsplit=1)[1]) for line in lines if line.strip()]


def last_stage() -> list[tuple[str, str]]:
    found = instructions()
    start = max(place for place, (name, _) in enumerate(found) if name == "FROM")
    return found[start:]


def arguments(name: str) -> list[str]:
    return [text for found, text in last_stage() if found == name]


def test_hadolint_has_nothing_to_say() -> None:
    program = TOOLS / "hadolint"
    if not program.exists():
        pytest.skip("hadolint is not installed: make tools")
    done = subprocess.run([str(program), str(FILE)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_what_is_built_with_stays_behind() -> None:
    stages = [text for name, text in instructions() if name == "FROM"]
    assert len(stages) == 2 and stages[0].endswith(" AS built")
    assert not [text for name, text in last_stage() if name == "RUN"]
    assert all("--from=built" in text for text in arguments("COPY"))


def test_images_have_a_full_name_and_a_version() -> None:
    for text in (text for name, text in instructions() if name == "FROM"):
        assert re.match(r"docker\.io/library/python:\$\{PYTHON\}-slim-bookworm\b", text)
    (version,) = [text for name, text in instructions() if name == "ARG"]
    assert re.fullmatch(r"PYTHON=3\.\d+", version)


def test_hadolint_s_main_rules() -> None:
    """So that they hold where hadolint is missing, too: by their numbers."""
    found = instructions()
    names = [name for name, _ in found]
    assert "ADD" not in names  # DL3020
    assert "MAINTAINER" not in names  # DL4000
    for name, text in found:
        if name == "WORKDIR":
            assert text.startswith("/")  # DL3000
        if name == "RUN":
            assert not re.search(r"\b(sudo|cd|apt) ", text)  # DL3004, DL3003, DL3027
            assert "--no-cache-dir" in text or "pip install" not in text  # DL3042
            pinned = re.findall(r"pip install [^&]*? ([a-z-]+)(?:==\S+)? &&", text)
            assert not [p for p in pinned if f"{p}==" not in text]  # DL3013
        if name in ("CMD", "ENTRYPOINT"):
            assert isinstance(json.loads(text), list)  # DL3025
    for name in ("CMD", "ENTRYPOINT", "HEALTHCHECK"):
        assert len(arguments(name)) == 1  # DL4003, DL4004, DL3012
    piped = [text for name, text in found if name == "RUN" and " | " in text]
    assert not piped or any("pipefail" in text for name, text in found if name == "SHELL")


def test_it_is_not_root_by_number_and_any_user_may_write_its_data() -> None:
    (user,) = arguments("USER")
    number, group = user.split(":")
    assert int(number) > 0 and group == "0"
    (data,) = [text for text in arguments("COPY") if text.endswith(" /data /data")]
    assert f"--chown={user}" in data
    built = next(text for name, text in instructions() if name == "RUN")
    assert "install -d -m 0770 /data" in built
    assert arguments("VOLUME") == ["/data"]


def test_nothing_is_written_but_to_data_cache_and_tmp() -> None:
    environment = dict(re.findall(r"(\w+)=(\S+)", " ".join(arguments("ENV"))))
    assert environment["HOME"] == "/tmp"
    assert environment["XDG_CACHE_HOME"] == "/cache"
    assert environment["PYTHONDONTWRITEBYTECODE"] == "1"


def test_the_program_takes_the_command() -> None:
    (entry,), (command,) = arguments("ENTRYPOINT"), arguments("CMD")
    assert json.loads(entry) == ["cupola"]
    options = make_parser().parse_args(json.loads(command))
    assert vars(options)["storage.path"] == "/data"
    (port,) = arguments("EXPOSE")
    assert vars(options)["web.listen-address"] == f"0.0.0.0:{port}"


def test_health_is_that_of_liveness() -> None:
    """Readiness is not: whoever replays a long log must not be killed for it."""
    (check,) = arguments("HEALTHCHECK")
    assert "/-/healthy" in check and "/-/ready" not in check
    program = json.loads(check[check.index("[") :])[2]
    compile(program, "health check", "exec")


def test_kernels_and_an_inventory_are_in_it() -> None:
    built = next(text for name, text in instructions() if name == "RUN")
    assert "cupola compile --processor=any" in built
    assert "sbom.cdx.json" in built


def test_the_inventory_can_be_made(tmp_path: Path) -> None:
    """With the image's command, of an environment that is there."""
    built = next(text for name, text in instructions() if name == "RUN")
    command = next(part for part in built.split(" && ") if "cyclonedx-py" in part)
    program = TOOLS / "cyclonedx-py"
    if not program.exists():
        pytest.skip("cyclonedx-py is not installed: make tools")
    place = str(tmp_path / "sbom.json")
    given = {"/opt/cupola": str(TOOLS.parent), "/opt/cupola/sbom.cdx.json": place}
    arguments = [given.get(word, word) for word in command.split()[1:]]
    subprocess.run([str(program), *arguments], check=True, capture_output=True)
    inventory = json.loads(Path(place).read_text())
    assert inventory["bomFormat"] == "CycloneDX"
    assert "cyclonedx-bom" in {one["name"] for one in inventory["components"]}


def test_the_context_has_what_is_built_and_nothing_large() -> None:
    ignored = (ROOT / ".dockerignore").read_text().split()
    for needed in ("receiver", "storage", "api", "rules", "deploy", "constraints.txt"):
        assert needed not in ignored
    assert {".git", ".venv", "data", "tests"} <= set(ignored)
