"""Unit tests of rules made by a seed, in promtool's format.

Most of them expect nothing, so that each mismatch shows all of what the rules gave. Values are
small integers, whose sums are exact in any order. No range and no lookback begins just at a sample,
where Prometheus 2.42 and 3 differ.
"""

import random
from typing import Any

Document = dict[str, Any]
RECORDED = (
    ("job:up:count", "count by (job) (up)"),
    ("job:m:sum", "sum by (job) (m)"),
    ("m:last", "last_over_time(m[3m15s])"),
    ("m:max", "max_over_time(m[4m45s:1m])"),
    ("both", "m + on (job, instance) up"),
    ("twice", "job:m:sum * 2"),
    ("again", "twice + 1"),
    ("alerts", "count by (alertname, alertstate) (ALERTS)"),
    ("seconds", "time()"),
    ("shifted", "m offset 2m"),
    ("since", "ALERTS_FOR_STATE"),
)
CONDITIONS = (
    "up == 0",
    "m > 20",
    "absent(up{job='c'})",
    "job:m:sum > 30",
    "sum(m) > 50",
    "changes(up[4m15s]) > 1",
    'ALERTS{alertstate="firing", alertname="A0"}',
    "m % 20 == 0",
)
LABELS = (
    {"severity": "page"},
    {"severity": "{{ if gt $value 15.0 }}page{{ else }}ticket{{ end }}"},
    {"job": "same"},
    {"gone": "{{ $labels.nothing }}", "team": "{{ $labels.job | toUpper }}"},
)
ANNOTATIONS = (
    {"summary": "{{ $labels.instance }} of {{ $labels.job }}: {{ $value | humanize }}"},
    {"query": '{{ with query "sum(m)" }}{{ . | first | value }}{{ else }}none{{ end }}'},
    {"wrong": "{{ .Value | title }}"},
    {"outside": "{{ $externalLabels.region }}"},
)
DURATIONS = ("0s", "30s", "1m", "2m", "3m")
VALUES = (
    "0+10x12 1x20",
    "1 1 0 0 0 1 1 0 0 0 0 1 1 0x20",
    "5 _ _ 7 _x3 9 stale 4x30",
    "10x5 _ 20-5x6 7x20",
    "1 stale _ 1 1 stale 1x30",
    "-5+5x30",
)
EXPRESSIONS = (
    "up",
    "job:m:sum",
    "twice",
    "again",
    "alerts",
    "ALERTS",
    "since",
    "count({__name__=~'.+'})",
    "m:max",
    "both",
    "nope(",
    "up[1m]",
    "seconds",
    "shifted",
)


def rules(draw: random.Random) -> Document:
    groups = []
    for number in range(draw.randint(1, 3)):
        made: list[dict[str, Any]] = []
        for i in range(draw.randint(1, 4)):
            if draw.random() < 0.5:
                record, expression = draw.choice(RECORDED)
                made.append({"record": record, "expr": expression})
                if draw.random() < 0.3:
                    made[-1]["labels"] = draw.choice(({"zone": "z"}, {"job": ""}))
                continue
            rule: dict[str, Any] = {"alert": f"A{i}", "expr": draw.choice(CONDITIONS)}
            rule["for"] = draw.choice(DURATIONS)
            if draw.random() < 0.4:
                rule["keep_firing_for"] = draw.choice(DURATIONS)
            if draw.random() < 0.6:
                rule["labels"] = draw.choice(LABELS)
            if draw.random() < 0.7:
                rule["annotations"] = draw.choice(ANNOTATIONS)
            made.append(rule)
        # A limit above what small data gives is kept, one below ends the test.
        limit = {"limit": draw.choice((1, 50))} if draw.random() < 0.2 else {}
        groups.append({"name": f"g{number}", "rules": made, **limit})
    return {"groups": groups}


def series(draw: random.Random) -> list[dict[str, str]]:
    return [
        {"series": f'{name}{{job="{job}",instance="{i}"}}', "values": draw.choice(VALUES)}
        for name in ("up", "m")
        for i, job in enumerate(draw.sample(("a", "b", "c"), draw.randint(1, 3)))
    ]


def case(draw: random.Random, number: int) -> Document:
    alerts = [
        {"alertname": f"A{i}", "eval_time": f"{draw.randint(0, 12) * 30}s", "exp_alerts": []}
        for i in range(draw.randint(0, 4))
    ]
    if alerts and draw.random() < 0.3:
        alerts[0]["exp_alerts"] = [{"exp_labels": {"severity": "page"}, "exp_annotations": {}}]
    expressions = [
        {"expr": draw.choice(EXPRESSIONS), "eval_time": f"{draw.randint(0, 20) * 30}s"}
        for _ in range(draw.randint(0, 4))
    ]
    found = {
        "interval": draw.choice(("30s", "1m")),
        "input_series": series(draw),
        "alert_rule_test": alerts,
        "promql_expr_test": expressions,
        "external_labels": {"region": "eu"},
    }
    return {"name": f"case {number}", **found} if draw.random() < 0.5 else found


def unit_tests(seed: int) -> tuple[Document, Document]:
    """A file of rules, rules.yml, and a file of tests for it."""
    draw = random.Random(seed)
    made = rules(draw)
    # Groups that are not listed have no order in promtool.
    order = [group["name"] for group in made["groups"]]
    draw.shuffle(order)
    tests = {
        "rule_files": ["rules.yml"],
        "evaluation_interval": draw.choice(("30s", "1m", "1m")),
        "group_eval_order": order,
        "tests": [case(draw, number) for number in range(draw.randint(1, 3))],
    }
    return made, tests
