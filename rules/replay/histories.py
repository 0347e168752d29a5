"""How alerts changed, alert by alert."""

from __future__ import annotations

from dataclasses import dataclass, field

from rules.evaluation.alerts import Alert, Alerts, State
from rules.evaluation.rows import Key, Labels, key_of
from rules.replay.outcome import AlertHistory, Became, Change

BEGINS = {State.PENDING: Became.PENDING, State.FIRING: Became.FIRING}
_LASTING = {Became.PENDING: "pending", Became.FIRING: "firing"}


@dataclass(slots=True)
class _Known:
    """An alert so far."""

    labels: Labels
    changes: list[Change] = field(default_factory=list)
    notices: int = 0


@dataclass(slots=True)
class Histories:
    """The alerts of one rule. end_ms: when its last evaluation is over."""

    end_ms: int
    _alerts: dict[Key, _Known] = field(default_factory=dict)

    def add(self, labels: Labels, change: Change) -> None:
        """A change, in the order of time for each alert."""
        self._of(labels).changes.append(change)

    def notice(self, labels: Labels, count: int = 1) -> None:
        """An alert would be sent so often."""
        self._of(labels).notices += count

    def compare(self, before: Alerts, after: Alerts, time_ms: int, *, are_dropped: bool) -> None:
        """Add what an evaluation changed. are_dropped: there are more than the group allows."""
        for key, alert in after.items():
            if not alert.is_active:
                continue
            known = before.get(key)
            if known is None or not known.is_active or known.state is not alert.state:
                self._add(alert, time_ms, BEGINS[alert.state])
        for key, alert in before.items():
            if not alert.is_active:
                continue
            now = after.get(key)
            if now is None:
                ended = Became.DROPPED if are_dropped else Became.INACTIVE
                self._add(alert, time_ms, ended)
            elif not now.is_active:
                self._add(now, time_ms, Became.RESOLVED)

    def all(self) -> list[AlertHistory]:
        """The alerts, by when they first changed, then by their labels."""
        alerts = sorted(
            (one for one in self._alerts.values() if one.changes),
            key=lambda one: (one.changes[0].time_ms, key_of(one.labels)),
        )
        return [self._history(one) for one in alerts]

    def _of(self, labels: Labels) -> _Known:
        return self._alerts.setdefault(key_of(labels), _Known(labels))

    def _add(self, alert: Alert, time_ms: int, became: Became) -> None:
        self.add(alert.labels, Change(time_ms, became, alert.value, alert.annotations))

    def _history(self, known: _Known) -> AlertHistory:
        ends = [change.time_ms for change in known.changes[1:]] + [self.end_ms]
        lasted = {"pending": 0, "firing": 0}
        for change, end_ms in zip(known.changes, ends, strict=True):
            if change.became in _LASTING:
                lasted[_LASTING[change.became]] += end_ms - change.time_ms
        return AlertHistory(
            known.labels, known.changes, known.notices, lasted["firing"], lasted["pending"]
        )
