"""What a sidecar asks its Prometheus over HTTP, besides samples.

Answers are bounded; what is not answered, or not as Prometheus answers, is a PrometheusError.
"""

import http.client
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

import yaml

from receiver.stores.remote_read.servers import Server
from storage.labels.matchers import Matcher
from storage.options import DAY_MS, HOUR_MS, MINUTE_MS

ANSWER_BYTES_MAX = 256 << 20
ERROR_BYTES = 500
LOWEST = "prometheus_tsdb_lowest_timestamp_seconds"
MIN_FLAG, MAX_FLAG = "storage.tsdb.min-block-duration", "storage.tsdb.max-block-duration"
DURATION_PART = re.compile("([0-9]+)(ms|[smhdwy])")
PLAIN_NAME = re.compile("[a-zA-Z_][a-zA-Z0-9_]*")
# Of durations of Prometheus' flags.
UNITS_MS = {
    "ms": 1, "s": 1_000, "m": MINUTE_MS, "h": HOUR_MS, "d": DAY_MS, "w": 7 * DAY_MS,
    "y": 365 * DAY_MS,
}  # fmt: skip


class PrometheusError(Exception):
    """str() says what was asked, and what came of it."""


@dataclass(frozen=True, slots=True)
class Prometheus:
    """A server: where it is, and how it is asked. server: its URL is the one that paths are added
    to; timeout_s: of each answer."""

    server: Server
    timeout_s: float

    def external_labels(self) -> dict[str, str]:
        """Those of its configuration as it is now."""
        document = self._data("status/config")
        try:
            config = yaml.safe_load(document["yaml"]) or {}
            labels = (config.get("global") or {}).get("external_labels") or {}
            return {str(name): str(value) for name, value in labels.items() if str(value)}
        except (KeyError, TypeError, AttributeError, yaml.YAMLError) as error:
            raise PrometheusError(f"{self._url('status/config')}: {error!r}") from None

    def flags(self) -> dict[str, str]:
        found = self._data("status/flags")
        if not isinstance(found, dict):
            raise PrometheusError(f"{self._url('status/flags')}: no map of flags")
        return {str(name): str(value) for name, value in found.items()}

    def lowest_ms(self) -> int | None:
        """The time of its oldest sample; None if it has none, or does not say so."""
        for line in self._get("/metrics").decode(errors="replace").splitlines():
            name, _, value = line.partition(" ")
            if name == LOWEST:
                try:
                    found = int(float(value) * 1000)
                except (ValueError, OverflowError):
                    return None
                # Without samples it is as far ahead as there are times.
                return found if abs(found) < 1 << 53 else None
        return None

    def series(self, selectors: Sequence[str], span: tuple[int, int]) -> list[dict[str, str]]:
        """The label sets of series with samples in a span, in ms."""
        times = {"start": seconds(span[0]), "end": seconds(span[1])}
        found = self._data("series", [("match[]", each) for each in selectors], times)
        if not isinstance(found, list):
            raise PrometheusError(f"{self._url('series')}: no list of series")
        return found

    def data(self, path: str, **params: str) -> Any:
        """The data of another answer."""
        return self._data(path, (), params)

    def _data(
        self,
        path: str,
        pairs: Sequence[tuple[str, str]] = (),
        params: Mapping[str, str] | None = None,
    ) -> Any:
        query = urlencode([*pairs, *(params or {}).items()])
        # Selectors may be long: what takes a form is posted to.
        is_form = path in ("series", "query_exemplars")
        body = query.encode() if is_form else None
        target = f"/api/v1/{path}" + (f"?{query}" if query and not is_form else "")
        try:
            answer = json.loads(self._get(target, body))
            return answer["data"]
        except (ValueError, KeyError, TypeError) as error:
            raise PrometheusError(f"{self._url(path)}: no answer of Prometheus: {error}") from None

    def _get(self, target: str, body: bytes | None = None) -> bytes:
        parts = urlsplit(self.server.url)
        headers = dict(self.server.headers)
        if body is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        connection = self._connected(parts.hostname or "", parts.port)
        try:
            method = "GET" if body is None else "POST"
            connection.request(method, parts.path.rstrip("/") + target, body, headers)
            answer = connection.getresponse()
            content = answer.read(ANSWER_BYTES_MAX + 1)
        except (OSError, http.client.HTTPException) as error:
            raise PrometheusError(f"{self.server.url}{target}: {error!r}") from None
        finally:
            connection.close()
        if answer.status != 200:
            text = content[:ERROR_BYTES].decode(errors="replace").strip()
            raise PrometheusError(f"{self.server.url}{target} answers {answer.status}: {text}")
        if len(content) > ANSWER_BYTES_MAX:
            raise PrometheusError(
                f"{self.server.url}{target}: the answer is longer than {ANSWER_BYTES_MAX} bytes"
            )
        return content

    def _connected(self, host: str, port: int | None) -> http.client.HTTPConnection:
        context = self.server.context()
        if context is None:
            return http.client.HTTPConnection(host, port, timeout=self.timeout_s)
        return http.client.HTTPSConnection(host, port, timeout=self.timeout_s, context=context)

    def _url(self, path: str) -> str:
        return f"{self.server.url}/api/v1/{path}"


def selector_of(matchers: Sequence[Matcher]) -> str:
    """The selector of PromQL."""
    return "{" + ",".join(f"{name_of(m.name)}{m.op}{quoted(m.value)}" for m in matchers) + "}"


def name_of(name: str) -> str:
    return name if PLAIN_NAME.fullmatch(name) else quoted(name)


def quoted(text: str) -> str:
    """As PromQL reads it; what is no UTF-8 matches nothing there."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return '"' + escaped.encode("utf-8", "replace").decode() + '"'


def seconds(time_ms: int) -> str:
    """A time as Prometheus' API takes it, which has bounds of its own."""
    bounded = min(max(time_ms, -(1 << 52)), 1 << 52)
    return f"{bounded // 1000}.{bounded % 1000:03d}"


def unequal_durations(flags: Mapping[str, str]) -> str:
    """What is wrong with the lengths of blocks: those that a Prometheus compacts by itself must not
    be uploaded, "" if it does not."""
    shortest, longest = flags.get(MIN_FLAG, ""), flags.get(MAX_FLAG, "")
    if shortest and longest and duration_ms(shortest) == duration_ms(longest):
        return ""
    return (
        f"{MIN_FLAG} is {shortest or 'unknown'} and {MAX_FLAG} is {longest or 'unknown'}: they "
        "have to be equal, such as 2h, or the Prometheus compacts blocks before they are uploaded "
        "(--shipper.ignore-unequal-block-size uploads them nevertheless)"
    )


def duration_ms(text: str) -> int:
    """A duration of a flag, such as 1d12h; -1 if it is none."""
    parts = DURATION_PART.findall(text)
    if "".join(number + unit for number, unit in parts) != text or not parts:
        return -1
    return sum(int(number) * UNITS_MS[unit] for number, unit in parts)
