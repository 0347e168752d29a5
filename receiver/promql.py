"""PromQL from Python: the value of an expression on a data directory, as an Arrow table.

    from receiver.promql import query

    table = query("/var/lib/cupola", "sum by (job) (rate(http_requests_total[5m]))",
                  start=datetime(2026, 11, 30, tzinfo=UTC), end=datetime(2026, 12, 1, tzinfo=UTC),
                  step=60)

The directory is only read, also while a server runs. docs/python.md describes it.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

import pyarrow as pa

from api.answers.accept import Form
from api.answers.chosen import encode_result
from receiver.querying.local import evaluate
from receiver.querying.question import INSTANT, RANGE, QueryFailed, Question
from receiver.settings.config import load
from storage.tenants.tenant import DEFAULT_TENANT

__all__ = ["QueryFailed", "query"]

Time = float | datetime


def query(
    directory: str | Path,
    expression: str,
    *,
    time: Time | None = None,
    start: Time | None = None,
    end: Time | None = None,
    step: float | None = None,
    tenant: str = DEFAULT_TENANT,
    dedup: bool = True,
    replica_labels: Sequence[str] | None = None,
    lookback: float | None = None,
    settings: Mapping[str, object] | None = None,
) -> pa.Table:
    """The value of an expression: at one time, by default now, or with `start`, `end` and `step`
    over a range, as a table that is described in docs/http.md.

    Times are seconds since 1970, or aware datetimes; durations are seconds. tenant: one, or several
    with | between them; dedup: whether replicas are made one, by replica_labels, or as
    `dedup.replica-labels` says. settings: those of a server, by dotted name; unless they say
    otherwise, nothing is past its retention.

    Raises QueryFailed for what the API would refuse, storage.errors.StorageError if the directory
    cannot be read, ConfigError for settings that there are not, and ValueError for times that do
    not go together.
    """
    values: dict[str, object] = {"storage.retention": "0", **(settings or {})}
    config = load(None, values | {"storage.path": str(directory)})
    params: dict[str, str | list[str]] = {"query": expression}
    params |= times_of(time, start, end, step)
    if not dedup:
        params["dedup"] = "false"
    if replica_labels is not None:
        params["replicaLabels[]"] = list(replica_labels)
    if lookback is not None:
        params["lookback_delta"] = repr(float(lookback))
    endpoint = INSTANT if start is None else RANGE
    result, _ = evaluate(config, Question(endpoint, params, tenant))
    return pa.ipc.open_stream(b"".join(encode_result(Form.ARROW, result))).read_all()


def times_of(
    time: Time | None, start: Time | None, end: Time | None, step: float | None
) -> dict[str, str]:
    """The parameters of the API. Raises ValueError."""
    if start is None and end is None and step is None:
        return {} if time is None else {"time": seconds(time)}
    if time is not None or start is None or end is None or step is None:
        raise ValueError("a range has start, end and step, and no time")
    return {"start": seconds(start), "end": seconds(end), "step": repr(float(step))}


def seconds(time: Time) -> str:
    """Raises ValueError for a datetime that does not say in which zone it is."""
    if not isinstance(time, datetime):
        return repr(float(time))
    if time.tzinfo is None:
        raise ValueError(f"{time!r} states no time zone")
    return f"{time.timestamp():.3f}"
