"""Properties of the source text itself: sizes, docstrings, names, links.

A rule nobody runs is a wish. What is measured here is what .github/CONTRIBUTING.md asks for.
"""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("receiver", "storage", "api", "rules")
PROGRAMS = ("compose", "deploy", "load-tests", "mixin")
FUNCTION_LINES_MAX = 70
FILE_LINES_MAX = 400
PACKAGE_MODULES_MAX = 20
PARAMETERS_MAX = 5

# Modules without a test module of their own name, and the one beside it that tests them instead.
TESTED_WITH = {
    "receiver/replaying/writing.py": "test_serving.py",
    "storage/bucket/attached.py": "test_places.py",
    "storage/bucket/pieces.py": "test_places.py",
    "storage/bucket/uploading.py": "test_worker.py",
    "api/answers/exposition/classic_messages.py": "test_families.py",
    "api/answers/exposition/warm_up.py": "../../../receiver/test_warm_up.py",
    "api/endpoints/absent/targets.py": "../../test_contract.py",
    "api/promql/aggregations/kernels.py": "test_aggregation.py",
    "api/promql/finishing.py": "test_engine.py",
    "api/promql/native_histograms/buckets.py": "test_values.py",
    "api/promql/native_histograms/compare.py": "test_arithmetic.py",
    "api/promql/native_histograms/fold.py": "test_arithmetic.py",
    "api/promql/native_histograms/state.py": "test_arithmetic.py",
    "api/promql/ranges/native/extended_kernels.py": "test_extended.py",
    "api/promql/ranges/native/rate_kernels.py": "test_rates.py",
    "receiver/doctor/bundle_command.py": "test_bundle.py",
    "receiver/doctor/findings.py": "test_command.py",
    "receiver/facts.py": "test_server.py",
    "receiver/gateway/bucket.py": "../commands/test_thanos_bucket.py",
    "receiver/gateway/encoded.py": "../commands/test_thanos_bucket.py",
    "receiver/gateway/program.py": "../sidecar/test_program.py",
    "receiver/importing/text/labels.py": "test_scan.py",
    "receiver/importing/text/lines.py": "test_scan.py",
    "receiver/importing/text/numbers.py": "test_scan.py",
    "receiver/importing/tsdb/chunk_files.py": "test_block.py",
    "receiver/importing/tsdb/entries.py": "test_block.py",
    "receiver/importing/tsdb/files.py": "test_block.py",
    "receiver/importing/tsdb/index.py": "test_block.py",
    "receiver/importing/tsdb/tombstones.py": "test_block.py",
    "receiver/processes/peers.py": "test_passing.py",
    "receiver/processes/taking.py": "test_handing.py",
    "receiver/replaying/local.py": "test_command.py",
    "receiver/replaying/remote.py": "test_serving.py",
    "receiver/serving.py": "test_cli.py",
    "receiver/sidecar/options.py": "test_command.py",
    "receiver/stores/bucket/chunks.py": "test_block.py",
    "receiver/stores/bucket/header.py": "test_block.py",
    "receiver/stores/bucket/postings.py": "test_block.py",
    "receiver/stores/bucket/series.py": "test_block.py",
    "receiver/stores/bucket/warm_up.py": "../../test_warm_up.py",
    "receiver/stores/remote_read/client.py": "test_source.py",
    "receiver/stores/storeapi/client.py": "test_source.py",
    "receiver/stores/storeapi/state.py": "test_source.py",
    "receiver/stores/view.py": "test_setup.py",
    "receiver/stores/warm_up.py": "../test_warm_up.py",
    "receiver/wire/histogram_columns.py": "test_histograms.py",
    "receiver/wire/scan.py": "v1/test_series.py",
    "receiver/wire/v1/columns.py": "../test_decoder.py",
    "receiver/wire/v2/columns.py": "test_series.py",
    "rules/replay/histories.py": "test_alerting.py",
    "rules/replay/limits.py": "test_run.py",
    "rules/replay/stepping.py": "test_alerting.py",
    "rules/replay/tables.py": "test_report.py",
    "rules/replay/warm_up.py": "../../receiver/test_warm_up.py",
    "rules/templates/arguments.py": "test_expander.py",
    "rules/templates/builtins.py": "test_expander.py",
    "rules/templates/comparisons.py": "test_expander.py",
    "rules/templates/execution.py": "test_expander.py",
    "rules/templates/fields.py": "test_expander.py",
    "rules/templates/lexer.py": "test_expander.py",
    "rules/templates/nodes.py": "test_expander.py",
    "rules/templates/numbers.py": "test_expander.py",
    "rules/templates/parser.py": "test_expander.py",
    "rules/templates/printf.py": "test_verbs.py",
    "rules/templates/printing.py": "test_verbs.py",
    "rules/templates/tokens.py": "test_expander.py",
    "rules/templates/values.py": "test_expander.py",
    "storage/catalog/registering.py": "test_catalog.py",
    "storage/chunks/bits.py": "test_floats.py",
    "storage/chunks/layouts.py": "test_histograms.py",
    "storage/head/kernels.py": "test_head.py",
    "storage/kernels/inner.py": "test_jit.py",
    "storage/labels/wire.py": "../series/test_table.py",
    "storage/series/kernels.py": "test_table.py",
}
# A module with fewer branches and loops only declares: its users' tests are tests enough.
BRANCHES_MIN = 3

# Words that mean unfinished work, and paths that exist on one machine only.
BANNED = re.compile(r"\b(TO" r"DO|FIX" r"ME|XX" r"X|HA" r"CK)\b|/(home|root|Users|work)/")
TEXT_SUFFIXES = {".py", ".md", ".toml", ".yml", ".yaml", ".json", ".ini", ""}


def python_files(*folders: str) -> list[Path]:
    return [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


SOURCES = python_files(*PACKAGES, *PROGRAMS)
TREES = {path: ast.parse(path.read_text()) for path in SOURCES + python_files("tests")}
every_source = pytest.mark.parametrize("path", SOURCES, ids=named)
every_python_file = pytest.mark.parametrize("path", list(TREES), ids=named)


def functions(tree: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


@every_python_file
def test_files_and_functions_are_small(path: Path) -> None:
    lines = len(path.read_text().splitlines())
    assert lines <= FILE_LINES_MAX, f"{named(path)} has {lines} lines"
    long = {
        f.name: length
        for f in functions(TREES[path])
        if (length := (f.end_lineno or 0) - f.lineno + 1) > FUNCTION_LINES_MAX
    }
    assert not long, f"{named(path)}: functions over {FUNCTION_LINES_MAX} lines: {long}"


@pytest.mark.parametrize("folder", sorted({path.parent for path in TREES}), ids=named)
def test_folders_hold_few_modules(folder: Path) -> None:
    modules = [path.name for path in folder.glob("*.py") if path.name != "__init__.py"]
    assert len(modules) <= PACKAGE_MODULES_MAX, f"{named(folder)} has {len(modules)} modules"


@every_python_file
def test_names_do_not_repeat_their_folder(path: Path) -> None:
    """`head/head.py`, a room's central noun, may; `head/head_kernels.py` may not."""
    stem = path.stem.removeprefix("test_")
    folder = path.parent.name
    repeated = [f"{word}_" for word in (folder, folder.removesuffix("s"))]
    assert not stem.startswith(tuple(repeated)), f"{named(path)} repeats the name of its folder"


def test_python_lies_in_packages_programs_and_tests_only() -> None:
    tracked = {path.relative_to(ROOT).parts[0] for path in ROOT.glob("*/**/*.py")}
    hidden = {name for name in tracked if name.startswith(".")}
    assert tracked - hidden == {*PACKAGES, *PROGRAMS, "tests"}
    assert not list(ROOT.glob("*.py"))


def test_a_module_without_a_place_breaks_the_law(tmp_path: Path) -> None:
    """Whoever adds a module to a ladder says on which rung it stands."""
    for package in PACKAGES:
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__py*"))
    shutil.copy(ROOT / ".importlinter", tmp_path)
    assert broken_law(tmp_path) == ""
    strays = ["storage", "receiver", "receiver/wire", "rules", "api", "api/promql"]
    for place in strays:
        (tmp_path / place / "stray.py").write_text('"""A module that nobody placed."""\n')
    report = broken_law(tmp_path)
    assert [p for p in strays if f"{p.replace('/', '.')}.stray" not in report] == []


def broken_law(checkout: Path) -> str:
    """What lint-imports reports where contracts are broken; nothing where they are kept."""
    command = [str(Path(sys.executable).parent / "lint-imports"), "--no-cache"]
    environment = os.environ | {"PYTHONPATH": str(checkout)}
    done = subprocess.run(
        command, cwd=checkout, env=environment, capture_output=True, text=True, check=False
    )
    return done.stdout + done.stderr if done.returncode else ""


def test_one_ruff_for_everybody() -> None:
    """What a commit is checked with, and what CI installs, is the same version."""
    wanted = re.findall(r'"ruff==([0-9.]+)"', (ROOT / "pyproject.toml").read_text())
    hooks = (ROOT / ".pre-commit-config.yaml").read_text()
    hook = re.findall(r"ruff-pre-commit\n\s+rev: v([0-9.]+)", hooks)
    pinned = re.findall(r"^ruff==([0-9.]+)$", (ROOT / "constraints.txt").read_text(), re.MULTILINE)
    assert wanted == hook == pinned != []


@every_source
def test_functions_take_few_arguments_by_position(path: Path) -> None:
    many = {
        f.name: len(f.args.posonlyargs + f.args.args)
        for f in functions(TREES[path])
        if not is_kernel(f) and positional_count(f) > PARAMETERS_MAX
    }
    assert not many, f"{named(path)}: over {PARAMETERS_MAX} positional parameters: {many}"


def positional_count(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    names = [a.arg for a in function.args.posonlyargs + function.args.args]
    return len(names) - (names[:1] in (["self"], ["cls"]))


def is_kernel(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Kernels are exempt: compiled code takes its columns one by one."""
    return any(
        "kernel" in ast.unparse(d) or "njit" in ast.unparse(d) for d in function.decorator_list
    )


@every_source
def test_kernels_take_addresses_of_arguments_only(path: Path) -> None:
    """An array that a kernel makes itself is freed after its last use, and its address is none."""
    taken = [
        f"{function.name}: {ast.unparse(node.value)}"
        for function in functions(TREES[path])
        if is_kernel(function)
        for node in ast.walk(function)
        if isinstance(node, ast.Attribute) and node.attr == "ctypes"
        if ast.unparse(node.value) not in {a.arg for a in function.args.args}
    ]
    assert not taken, f"{named(path)} takes addresses of {taken}"


@every_python_file
def test_modules_say_what_they_are(path: Path) -> None:
    assert ast.get_docstring(TREES[path]), f"{named(path)} has no module docstring"


@every_source
def test_classes_say_what_they_are(path: Path) -> None:
    silent = [
        node.name
        for node in ast.walk(TREES[path])
        if isinstance(node, ast.ClassDef)
        and not ast.get_docstring(node)
        and not is_plain_data(node)
    ]
    assert not silent, f"{named(path)}: classes without docstring: {silent}"


def is_plain_data(node: ast.ClassDef) -> bool:
    """A kind of a documented base, or a dataclass of one field: its name says it."""
    fields = [item for item in node.body if isinstance(item, ast.AnnAssign)]
    is_dataclass = any("dataclass" in ast.unparse(d) for d in node.decorator_list)
    return is_dataclass and (bool(node.bases) or len(fields) <= 1)


@every_source
def test_nothing_prints(path: Path) -> None:
    calls = [
        node.lineno
        for node in ast.walk(TREES[path])
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "print"
    ]
    assert not calls, f"{named(path)}: print in lines {calls}"


@every_source
def test_no_drawer_for_everything(path: Path) -> None:
    parts = {part.removesuffix(".py") for part in path.relative_to(ROOT).parts}
    assert not parts & {"common", "utils", "util", "helpers", "misc"}, named(path)


@pytest.mark.parametrize("path", python_files(*PACKAGES), ids=named)
def test_every_module_has_a_test_module(path: Path) -> None:
    source = path.relative_to(ROOT)
    own = Path("tests") / source.parent / f"test_{source.name}"
    if str(source) in TESTED_WITH:
        assert not (ROOT / own).exists(), f"{own} exists: strike {source} off TESTED_WITH"
        own = Path(os.path.normpath(own.parent / TESTED_WITH[str(source)]))
    assert (ROOT / own).exists() or branch_count(TREES[path]) < BRANCHES_MIN, f"{own} is missing"


def branch_count(tree: ast.Module) -> int:
    kinds = ast.For | ast.While | ast.If | ast.IfExp | ast.Match | ast.Try | ast.comprehension
    return sum(isinstance(node, kinds) for node in ast.walk(tree))


def test_tests_are_no_packages() -> None:
    """An __init__.py under tests/ would hide the package of the same name."""
    assert not list((ROOT / "tests").rglob("__init__.py"))


def text_files() -> list[Path]:
    folders = [ROOT / name for name in (*PACKAGES, *PROGRAMS, "tests", "docs", ".ci", ".github")]
    found = [p for folder in folders for p in folder.rglob("*") if "__pycache__" not in p.parts]
    found += [path for path in ROOT.iterdir() if path.name not in ("LICENSE", ".git")]
    return sorted(p for p in found if p.is_file() and p.suffix in TEXT_SUFFIXES)


def test_no_banned_words() -> None:
    found = [
        f"{named(path)}:{number}: {line.strip()}"
        for path in text_files()
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if BANNED.search(line) and path != Path(__file__)
    ]
    assert not found, "\n".join(found)


LINK = re.compile(r"\]\(([^)\s]+)\)")
CODE_BLOCK = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("path", [p for p in text_files() if p.suffix == ".md"], ids=named)
def test_local_links_resolve(path: Path) -> None:
    text = CODE_BLOCK.sub("", path.read_text())
    for target in LINK.findall(text):
        if re.match(r"[a-z]+:", target):
            continue
        place, _, anchor = target.partition("#")
        linked = (path.parent / place).resolve() if place else path
        assert linked.exists(), f"{named(path)}: {target} does not exist"
        if anchor and linked.suffix == ".md":
            assert anchor in anchors(linked), f"{named(path)}: no heading for {target}"


def anchors(path: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", CODE_BLOCK.sub("", path.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", h.lower()).replace(" ", "-") for h in headings}
