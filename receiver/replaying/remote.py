"""Has a server replay rules."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import orjson

from receiver.querying.question import QueryFailed
from receiver.querying.remote import endpoint, refused, sent
from receiver.replaying.wishes import Wishes

YAML = "application/yaml"


def replayed(
    url: str, content: bytes, wishes: Wishes, headers: Mapping[str, str], *, timeout_s: float
) -> dict[str, Any]:
    """The document of a replay on a server. content: a file of rules. Raises QueryFailed."""
    address = f"{endpoint(url, 'rules/replay')}?{urlencode(parameters(wishes), doseq=True)}"
    request = urllib.request.Request(
        address, content, {"Content-Type": YAML, **headers}, method="POST"
    )
    try:
        body = sent(request, timeout_s).body
    except urllib.error.HTTPError as error:
        raise refused(error) from None
    try:
        document: dict[str, Any] = orjson.loads(body)["data"]
    except (ValueError, KeyError, TypeError) as error:
        raise QueryFailed("bad_response", f"no answer of a replay: {error!r}") from None
    return document


def parameters(wishes: Wishes) -> dict[str, Any]:
    """As a server takes them."""
    given: dict[str, Any] = {
        "start": wishes.start,
        "end": wishes.end,
        "interval": wishes.interval,
        "query_offset": wishes.query_offset,
        "external_url": wishes.external_url,
        "phase[]": list(wishes.phases),
        "external_label[]": list(wishes.external_labels),
        "file": wishes.file,
        "write": "true" if wishes.write else "",
        "write_alerts": "true" if wishes.write_alerts else "",
    }
    return {name: value for name, value in given.items() if value}
