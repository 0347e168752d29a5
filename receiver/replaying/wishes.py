"""What a replay is asked for, by the names that parameters of the API and flags share, as texts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from api.promql.syntax.durations import parse_duration
from api.times import parse_time_ms
from rules.replay.alerting import Surroundings
from rules.replay.slots import Period
from storage.options import DAY_MS

NOTHING_AROUND = Surroundings()
# Some 140 years, as elsewhere.
TIME_MS_MAX = 1 << 42


@dataclass(frozen=True, slots=True)
class Wishes:
    """The texts of one replay, "" where nothing was said. file: where the rules are
    from; phases: GROUP=TIME each; external_labels: NAME=VALUE each."""

    start: str = ""
    end: str = ""
    interval: str = ""
    query_offset: str = ""
    external_url: str = ""
    phases: Sequence[str] = field(default_factory=tuple)
    external_labels: Sequence[str] = field(default_factory=tuple)
    file: str = ""
    write: bool = False
    write_alerts: bool = False

    def period(self, now_ms: int, tenant: str, defaults: Period) -> Period:
        """When rules are replayed: by default the last day. defaults: of groups that say nothing.
        Raises ValueError."""
        end_ms = parse_time_ms(self.end) if self.end else now_ms
        start_ms = parse_time_ms(self.start) if self.start else end_ms - DAY_MS
        if end_ms < start_ms:
            raise ValueError("end timestamp must not be before start time")
        if abs(start_ms) > TIME_MS_MAX or abs(end_ms) > TIME_MS_MAX:
            raise ValueError(f"start and end must be within {TIME_MS_MAX} ms of 1970")
        interval_ms, offset_ms = defaults.interval_ms, defaults.query_offset_ms
        if self.interval:
            interval_ms = parse_duration(self.interval)
        if interval_ms <= 0:
            raise ValueError(f"interval: got {self.interval!r}; allowed is more than 0")
        if self.query_offset:
            offset_ms = parse_duration(self.query_offset)
        phases = {name: parse_time_ms(text) for name, text in pairs("phase", self.phases).items()}
        return Period(start_ms, end_ms, interval_ms, offset_ms, phases, tenant)

    def around(self, usual: Surroundings = NOTHING_AROUND) -> Surroundings:
        """What templates see: what is usual, unless it was said. Raises ValueError."""
        labels = pairs("external label", self.external_labels) or usual.external_labels
        return Surroundings(labels, self.external_url or usual.external_url, usual.resend_ms)


def pairs(what: str, texts: Sequence[str]) -> Mapping[str, str]:
    """Texts NAME=VALUE by name. Raises ValueError."""
    found = {}
    for text in texts:
        name, sign, value = text.rpartition("=") if what == "phase" else text.partition("=")
        if not sign or not name:
            raise ValueError(f"{what}: got {text!r}; allowed is NAME=VALUE")
        found[name] = value
    return found
