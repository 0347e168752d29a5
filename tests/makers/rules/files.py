"""Files of rules, good and bad, made by a seed: the same ones each time.

They use nothing that Prometheus 2.42 does not know, so that Debian's promtool can be asked.
"""

import random
from collections.abc import Callable
from typing import Any

import yaml

EXPRESSIONS = (
    "up == 0",
    "sum by (job) (rate(http_requests_total[5m]))",
    'histogram_quantile(0.99, sum by (le) (rate(latency_bucket{job="a"}[5m])))',
    "absent(up{job='x'})",
    "avg_over_time(job:up:sum[1h] offset 5m) > bool 0.5",
    "1 + 2",
    "(a - b) / ignoring (c) group_left d",
)
BAD_EXPRESSIONS = (
    ("sum(", "unclosed left parenthesis"),
    ("up ==", "unexpected end of input"),
    ("rate(up)", 'expected type range vector in call to function "rate", got instant vector'),
    ("nope(up)", 'unknown function with name "nope"'),
    ("up{", "unexpected end of input inside braces"),
    ("1 2", 'unexpected number "2"'),
)
TEXTS = (
    "plain",
    "{{ $labels.instance }} is down",
    "{{ $value | humanize }} of {{ .Labels.job }}",
    '{{ range query "up" }}{{ .Value }}{{ end }}',
    "{{ if gt $value 1.0 }}high{{ else }}low{{ end }}",
    "a 'quoted' \"text\": with # signs",
)
BAD_TEXTS = ("{{ foo }}", "{{ $x }}", "{{ end }}", "{{ if", '{{ "a }}', "{{ .x | 1 }}", "{{ /* }}")
DURATIONS = ("0s", "30s", "5m", "1h30m", "1d", "2w", "100ms", 0)
BAD_DURATIONS = ("5x", "m", "1s1m", "-5m", "1.5h", 90)
UNKNOWN = ("foo", "annotation", "Expr", "source_tenants")
MISFITS: tuple[Any, ...] = (["a"], {"a": ["b"]}, "text", 5, [["a"]], True)

Document = dict[str, Any]
Fault = Callable[[random.Random, Document], None]


def recording(draw: random.Random, number: int) -> dict[str, Any]:
    rule: dict[str, Any] = {"record": f"job:m{number}:sum", "expr": draw.choice(EXPRESSIONS)}
    if draw.random() < 0.4:
        rule["labels"] = {"team": draw.choice(TEXTS), "n": number}
    return rule


def alerting(draw: random.Random, number: int) -> dict[str, Any]:
    rule: dict[str, Any] = {"alert": f"Alert {number}", "expr": draw.choice(EXPRESSIONS)}
    for name in ("for", "keep_firing_for"):
        if draw.random() < 0.5:
            rule[name] = draw.choice(DURATIONS)
    if draw.random() < 0.6:
        rule["labels"] = {"severity": draw.choice(TEXTS), "empty": ""}
    if draw.random() < 0.6:
        rule["annotations"] = {"summary": draw.choice(TEXTS), "nothing": None}
    return rule


def document(draw: random.Random) -> Document:
    groups = []
    for number in range(draw.randint(1, 4)):
        makers = [draw.choice((recording, alerting)) for _ in range(draw.randint(0, 4))]
        group: dict[str, Any] = {"name": f"group {number}"}
        group["rules"] = [make(draw, i) for i, make in enumerate(makers)]
        if draw.random() < 0.5:
            group["interval"] = draw.choice(DURATIONS)
        if draw.random() < 0.3:
            group["limit"] = draw.choice((0, 5, "0x10", 1.0))
        groups.append(group)
    return {"groups": groups}


def some_rule(draw: random.Random, found: Document) -> dict[str, Any]:
    """A rule of the document, which gets one if it has none."""
    group = some_group(draw, found)
    if not isinstance(group.get("rules"), list) or not group["rules"]:
        group["rules"] = [alerting(draw, 9)]
    rule = draw.choice(group["rules"])
    return rule if isinstance(rule, dict) else {}


def some_group(draw: random.Random, found: Document) -> dict[str, Any]:
    group = draw.choice(found["groups"])
    return group if isinstance(group, dict) else {}


def bad_name(draw: random.Random, found: Document) -> None:
    some_group(draw, found)["name"] = draw.choice(("", None, "group 0"))


def both_kinds(draw: random.Random, found: Document) -> None:
    some_rule(draw, found).update(record="a", alert="b")


def neither_kind(draw: random.Random, found: Document) -> None:
    rule = some_rule(draw, found)
    rule.pop("record", None)
    rule.pop("alert", None)


def bad_expression(draw: random.Random, found: Document) -> None:
    some_rule(draw, found)["expr"] = draw.choice((*BAD_EXPRESSIONS, ("", "")))[0]


def no_expression(draw: random.Random, found: Document) -> None:
    some_rule(draw, found).pop("expr", None)


def fields_of_alerts(draw: random.Random, found: Document) -> None:
    rule = some_rule(draw, found)
    rule.pop("alert", None)
    rule.update(record="r", annotations={"a": "b"})
    rule["for"] = "5m"


def bad_labels(draw: random.Random, found: Document) -> None:
    some_rule(draw, found)["labels"] = {"__name__": "x", "t": draw.choice(BAD_TEXTS)}


def bad_annotations(draw: random.Random, found: Document) -> None:
    some_rule(draw, found)["annotations"] = {"a": draw.choice(BAD_TEXTS), "b": "{{ 1 }}"}


def bad_duration(draw: random.Random, found: Document) -> None:
    if draw.random() < 0.5:
        some_group(draw, found)["interval"] = draw.choice(BAD_DURATIONS)
    else:
        some_rule(draw, found)["for"] = draw.choice(BAD_DURATIONS)


def unknown_field(draw: random.Random, found: Document) -> None:
    place = draw.choice((found, some_group(draw, found), some_rule(draw, found)))
    place[draw.choice(UNKNOWN)] = draw.choice(MISFITS)


def misfit(draw: random.Random, found: Document) -> None:
    value = draw.choice(MISFITS)
    if draw.random() < 0.5:
        some_group(draw, found)[draw.choice(("rules", "limit"))] = value
    else:
        some_rule(draw, found)[draw.choice(("labels", "annotations"))] = value


def twin_rules(draw: random.Random, found: Document) -> None:
    group = some_group(draw, found)
    rule = some_rule(draw, found)
    if isinstance(group.get("rules"), list):
        group["rules"].extend([rule, rule])


FAULTS: tuple[Fault, ...] = (
    bad_name,
    both_kinds,
    neither_kind,
    bad_expression,
    no_expression,
    fields_of_alerts,
    bad_labels,
    bad_annotations,
    bad_duration,
    unknown_field,
    misfit,
    twin_rules,
)
# Texts that are put somewhere into a file; some of them make it no YAML.
SCRATCHES = ("\t", "[", "{", "*x", "&a", "- ", ": ", '"', "'", "@", "%", "? ", "---\n", "!!int ")


class Dumper(yaml.SafeDumper):
    """Writes the same object twice as an anchor and an alias only where it is told to."""

    def ignore_aliases(self, data: Any) -> bool:
        return not isinstance(data, dict) or "record" not in data


def scratched(draw: random.Random, text: str) -> str:
    lines = text.splitlines(keepends=True)
    # Prometheus 2.42 allows fewer characters in names than 3.14 does.
    number = draw.choice([i for i, line in enumerate(lines) if "record:" not in line])
    line = lines[number]
    at = draw.choice((0, len(line) - len(line.lstrip()), len(line) - 1))
    lines[number] = line[:at] + draw.choice(SCRATCHES) + line[at:]
    return "".join(lines)


def doubled(draw: random.Random, text: str) -> str:
    """A line twice, which makes a key stand twice."""
    lines = text.splitlines(keepends=True)
    number = draw.randrange(len(lines))
    return "".join([*lines[:number], lines[number], *lines[number:]])


def rule_file(seed: int) -> str:
    """A file: a third of them good, a third with faults of meaning, a third damaged."""
    draw = random.Random(seed)
    found = document(draw)
    kind = seed % 3
    if kind:
        for _ in range(draw.randint(1, 3)):
            draw.choice(FAULTS)(draw, found)
    style = draw.choice((False, False, None))
    text = yaml.dump(found, Dumper=Dumper, sort_keys=False, default_flow_style=style)
    if kind == 2:
        text = draw.choice((scratched, scratched, doubled))(draw, text)
    return text
