"""The endpoints about rules and alerts: there are none, and what asks for some is checked."""

from api.answers.encoding import encode_data
from api.endpoints.handler import Call
from api.errors import invalid_parameter
from api.params import boolean, check_form, parse_selectors
from api.promql.go_format import quote
from api.times import parse_integer

TYPES = ("", "alert", "record")
GROUP_LIMIT_MAX = (1 << 31) - 1
STRANGE_TOKEN = "invalid group_next_token '{}'. were rule groups changed?"


class RuleHandlers:
    """The endpoints of a program without rules."""

    def rules(self, call: Call) -> bytes:
        check_form(call.params)
        parse_selectors(call.params.all("match[]"))
        kind = call.params.first("type").lower()
        if kind not in TYPES:
            raise invalid_parameter("type", f"not supported value {quote(kind)}")
        excluding = call.params.first("exclude_alerts").lower()
        if excluding and boolean(excluding) is None:
            cause = f"strconv.ParseBool: parsing {quote(excluding)}: invalid syntax"
            raise invalid_parameter("exclude_alerts", f"error converting exclude_alerts: {cause}")
        check_page(call)
        return encode_data({"groups": []})

    def alerts(self, call: Call) -> bytes:
        return encode_data({"alerts": []})

    def alertmanagers(self, call: Call) -> bytes:
        return encode_data({"activeAlertmanagers": [], "droppedAlertmanagers": []})


def check_page(call: Call) -> None:
    """Check what page of the groups is wanted; raises BadData. No token leads to a group here."""
    limit, token = call.params.first("group_limit"), call.params.first("group_next_token")
    if token and not limit:
        cause = "group_limit needs to be present in order to paginate over the groups"
        raise invalid_parameter("group_next_token", cause)
    if limit and group_limit(limit) <= 0:
        raise invalid_parameter("group_limit", "group_limit needs to be greater than 0")
    if token:
        raise invalid_parameter("group_next_token", STRANGE_TOKEN.format(token))


def group_limit(text: str) -> int:
    """Raises BadData with the text of Go's reader of 32 bits."""
    try:
        number = parse_integer(text)
    except ValueError as error:
        cause = str(error).replace("strconv.Atoi", "strconv.ParseInt")
    else:
        if abs(number) <= GROUP_LIMIT_MAX:
            return number
        cause = f"strconv.ParseInt: parsing {quote(text)}: value out of range"
    raise invalid_parameter("group_limit", f"group_limit needs to be a valid number: {cause}")
