"""What is stored of the alerts of a rule, where the ruler itself has kept nothing of them: history
that was imported, or written by another ruler.
"""

from __future__ import annotations

from api.promql.go_format import quote
from rules.evaluation.alerts import METRIC_NAME
from rules.evaluation.restoring import ForState, matchers_of
from rules.evaluation.rows import Key, Labels, key_of, rows_of
from rules.groups import Rule
from rules.ruler.ports import Asking, Question
from rules.ruler.terms import Terms


def for_states(
    asking: Asking, tenant: str, rule: Rule, labels: Labels, *, now_ms: int, terms: Terms
) -> dict[Key, ForState]:
    """The last samples of ALERTS_FOR_STATE, none of them stale, by the labels of their alerts.
    Raises NotAnswered."""
    texts = [f"{quote(m.name)}{m.op}{quote(m.value)}" for m in matchers_of(rule, labels)]
    selector = f"{{{', '.join(texts)}}}"

    def found(expression: str) -> dict[Key, float]:
        question = Question((tenant,), expression, now_ms, lookback_ms=terms.tolerance_ms)
        rows = rows_of(asking.ask(question).result)
        return {
            key_of({name: text for name, text in row.labels.items() if name != METRIC_NAME}): value
            for row in rows
            if isinstance(value := row.value, float)
        }

    since = found(selector)
    if not since:
        return {}
    times = found(f"timestamp({selector})")
    return {
        key: ForState(round(times[key] * 1000), int(seconds) * 1000)
        for key, seconds in since.items()
        if key in times
    }
