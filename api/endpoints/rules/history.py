"""Who changed the configuration of rules, what and when; and undoing of changes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from api.answers.encoding import encode_data
from api.endpoints.handler import Call, Job, Slot
from api.endpoints.rules.configuration import Configuring, check_name
from api.errors import BadData, invalid_parameter
from api.params import boolean, check_form
from api.promql.go_format import quote
from api.sources.rule_configuration import ChangeFacts, ChangesAsked
from api.times import parse_integer, seconds_of

CHANGES, CHANGES_MAX = 100, 1_000
NUMBER_MAX = (1 << 63) - 1


class HistoryHandlers:
    """The endpoints over the changes of a configuration."""

    def __init__(self, configuring: Configuring) -> None:
        self._configuring = configuring

    def changes(self, call: Call) -> Job:
        """The changes of configured rules, newest first."""
        configuration, tenant = self._configuring.admitted(call)
        params = call.params
        check_form(params)
        limit = number_of(call, "limit", CHANGES, CHANGES_MAX)
        asked = ChangesAsked(
            check_name("namespace", params.first("namespace")),
            check_name("group", params.first("group")),
            number_of(call, "before", 0, NUMBER_MAX),
            limit,
        )

        def run(turn: Slot) -> Iterator[bytes]:
            found = configuration.changes(tenant, asked)
            yield encode_data({"changes": [change_data(change) for change in found]})

        return Job(run)

    def undo(self, call: Call) -> Job:
        """Undo a change of configured rules, and those that were made together with it."""
        configuration, tenant = self._configuring.admitted(call)
        check_form(call.params)
        if not call.params.first("change"):
            raise BadData("no change parameter provided")
        number = number_of(call, "change", 0, NUMBER_MAX)
        force = call.params.first("force")
        forced = boolean(force) if force else False
        if forced is None:
            raise invalid_parameter("force", f"cannot parse {quote(force)} to a boolean")
        wish = self._configuring.wish(call)

        def run(turn: Slot) -> Iterator[bytes]:
            made = configuration.undo(tenant, number, wish, forced=bool(forced))
            yield encode_data({"changes": [change_data(change) for change in made]})

        return Job(run)


def number_of(call: Call, name: str, default: int, largest: int) -> int:
    """A number from 1 on. Raises BadData."""
    text = call.params.first(name)
    if not text:
        return default
    try:
        number = parse_integer(text)
    except ValueError as error:
        raise invalid_parameter(name, error) from None
    if not 1 <= number <= largest:
        raise invalid_parameter(name, f"got {number}; allowed is 1 to {largest}")
    return number


def change_data(change: ChangeFacts) -> dict[str, Any]:
    """A change as JSON values; null where there is none."""
    made = "changed" if change.previous else "created"
    return {
        "change": change.number,
        "namespace": change.namespace,
        "group": change.group,
        "action": "deleted" if change.content is None else made,
        "author": change.author,
        "time": seconds_of(change.created_ms),
        "batch": change.batch,
        "previous": change.previous or None,
        "undoes": change.undoes or None,
        "content": change.content,
    }
