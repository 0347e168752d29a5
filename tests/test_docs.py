"""What users can set, call or read is documented: settings, flags, metrics, routes, errors."""

from __future__ import annotations

import re
import urllib.request
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from compose.processes import free_ports
from compose.scene import cupola_server
from receiver.cli import make_parser
from receiver.errors import WriteError
from receiver.limits.limits import TenantLimits
from receiver.server import build_app
from receiver.settings.config import Config, Setting, settings
from receiver.settings.kinds import render
from storage.refusals import exemplars as exemplar_rejects
from storage.refusals.samples import REASONS

DOCS = Path(__file__).resolve().parent.parent / "docs"


def sections(page: str) -> dict[str, str]:
    """The text under each heading of a page, on one line."""
    parts = re.split(r"^#+ (.+)$", (DOCS / page).read_text(), flags=re.MULTILINE)
    return {
        heading: " ".join(text.split())
        for heading, text in zip(parts[1::2], parts[2::2], strict=True)
    }


@pytest.mark.parametrize("setting", settings().values(), ids=settings())
def test_setting_has_its_section(setting: Setting) -> None:
    section = sections("configuration.md").get(setting.name)
    assert section is not None, f"docs/configuration.md has no heading {setting.name}"
    assert setting.help in section
    default = render(setting.kind, setting.default) or "none"
    assert f"Kind: {setting.kind}. Default: `{default}`." in section
    if setting.kind == "text":
        assert all(f"`{value}`" in section for value in setting.allowed or ())
    elif setting.allowed:
        least, most = (render(setting.kind, value) for value in setting.allowed)
        assert f"Allowed: `{least}` to `{most}`." in section


def test_configuration_documents_only_settings_that_exist() -> None:
    page = (DOCS / "configuration.md").read_text()
    headings = set(re.findall(r"^### ([a-z0-9.-]+)$", page, re.MULTILINE))
    assert headings == set(settings())


def test_limits_of_tenants_are_documented_and_no_others() -> None:
    page = (DOCS / "configuration.md").read_text()
    table = page[page.index("| limit | kind |") :].split("\n\n")[0]
    wanted = [
        f"| `{m['key']}` | {m['kind']} | {m['help']} |"
        for m in (limit.metadata for limit in fields(TenantLimits))
    ]
    assert table.splitlines()[2:] == wanted


def flags() -> Iterator[str]:
    """Every flag of every command, those that are settings aside."""
    for action in make_parser()._actions:
        yield from action.option_strings
        if isinstance(action.choices, dict):
            for command, parser in action.choices.items():
                yield command
                for inner in parser._actions:
                    yield from (f for f in inner.option_strings if f[2:] not in settings())


def test_commands_and_flags_are_documented() -> None:
    section = sections("configuration.md")["Command line"]
    assert not [flag for flag in flags() if not re.search(rf"`[^`]*{flag}\b", section)]


def test_metrics_are_documented_and_no_others(tmp_path: Path) -> None:
    (port,) = free_ports(0)
    with cupola_server(tmp_path, port=port).start() as server:
        server.wait_ready()
        with urllib.request.urlopen(f"{server.url}/metrics", timeout=10) as response:
            exposed = response.read().decode()
    families = text_string_to_metric_families(exposed)
    # A counter's _created and _total are one metric to the reader.
    served = {f.name + ("_total" if f.type == "counter" else "") for f in families}
    served = {name for name in served if not name.endswith("_created")}
    page = (DOCS / "metrics.md").read_text()
    assert set(re.findall(r"^\| `(\w+)`", page, re.MULTILINE)) == served
    own = ("cupola_", "prometheus_notifications_", "prometheus_rule_", "prometheus_template_")
    assert not [name for name in served if not name.startswith(own)]


def test_reasons_for_refusing_samples_are_documented_and_no_others() -> None:
    page = (DOCS / "operating.md").read_text()
    table = page[page.index("| reason |") :].split("\n\n")[0]
    assert set(re.findall(r"^\| `(\w+)`", table, re.MULTILINE)) == set(REASONS)


def test_reasons_for_refusing_exemplars_are_documented_and_no_others() -> None:
    page = (DOCS / "operating.md").read_text()
    table = page[page.index("| exemplar refused |") :].split("\n\n")[0]
    assert set(re.findall(r"^\| `(\w+)`", table, re.MULTILINE)) == set(exemplar_rejects.REASONS)


def routes() -> set[str]:
    """METHOD /path of every route; the twins under /prometheus, HEAD and OPTIONS aside."""
    return {
        f"{route.method} {route.resource.canonical.removeprefix('/prometheus')}"
        for route in build_app(Config()).router.routes()
        if route.resource is not None and route.method not in ("HEAD", "OPTIONS")
    }


def test_routes_are_documented_and_no_others() -> None:
    page = (DOCS / "http.md").read_text()
    rows = re.findall(r"^\| ([A-Z, ]+) \| `(/\S*)`", page, re.MULTILINE)
    documented = {f"{method} {path}" for methods, path in rows for method in methods.split(", ")}
    assert documented == routes()


def test_every_answer_to_a_write_is_documented_with_what_senders_do() -> None:
    page = (DOCS / "operating.md").read_text()
    statuses = {error.status for error in WriteError.__subclasses__()} | {204, 409, 500}
    for heading in ("| answer | means |", "| answer | Prometheus, Alloy"):
        table = page[page.index(heading) :].split("\n\n")[0]
        rows = [line.split("|")[1] for line in table.splitlines()[2:]]
        assert statuses <= {int(code) for row in rows for code in re.findall(r"\d{3}", row)}


# What a newcomer looks for, and the page that has it.
TOPICS = {
    "send": "operating.md",
    "query": "http.md",
    "HA pair": "operating.md",
    "tenants": "operating.md",
    "limits": "configuration.md",
    "rules": "rules.md",
    "storage": "operating.md",
    "cluster": "operating.md",
    "alerts": "operating.md",
}


@pytest.mark.parametrize(("topic", "page"), TOPICS.items())
def test_the_index_leads_to_what_newcomers_look_for(topic: str, page: str) -> None:
    rows = (DOCS / "README.md").read_text().splitlines()
    (row,) = [row for row in rows if f"**{topic}**" in row]
    assert f"]({page}" in row


def test_the_index_has_every_page() -> None:
    linked = set(re.findall(r"\]\(([a-z]+\.md)", (DOCS / "README.md").read_text()))
    assert linked == {path.name for path in DOCS.glob("*.md")} - {"README.md"}
    assert "docs/README.md" in (DOCS.parent / "README.md").read_text()


def test_settings_that_pages_name_exist() -> None:
    """Of those pages that tell what to set; in the others, rules and tests see to it."""
    known = set(settings())
    sections_of = {name.partition(".")[0] for name in known if "." in name}
    for page in ("runbooks.md", "security.md", "moving.md", "kubernetes.md", "install.md"):
        named = re.findall(r"`([a-z]+\.[a-z0-9.-]+[a-z0-9])`", (DOCS / page).read_text())
        named = [n for n in named if not n.endswith((".yml", ".alloy"))]
        wrong = {n for n in named if n.partition(".")[0] in sections_of and n not in known}
        assert wrong == set(), page
