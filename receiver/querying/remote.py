"""Asks a server with Prometheus' query API, whichever it is.

What a server answers as Arrow or CSV is taken as it is; of those that know JSON only, the answer is
made into a result, whose native histograms are not: JSON has their buckets, and not what they are.
"""

import http.client
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson

from api.answers.accept import Form
from api.promql.vectors.value import Matrix, Result, Scalar, String, Value, Vector
from receiver.querying.question import RANGE, QueryFailed, Question
from storage.histograms.histograms import offsets_of
from storage.kernels.arrays import Float64s
from storage.labels.frames import LabelFrame, Symbols
from storage.samples.samples import Samples

ANSWER_BYTES_MAX = 1 << 30
REFUSED_BYTES_MAX = 1 << 20
FORM_TYPE = "application/x-www-form-urlencoded"
# As Prometheus' own client.
POST_REFUSED = (403, 405, 501)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server sent, and in which form."""

    form: Form
    body: bytes


def ask(url: str, question: Question, form: Form, *, timeout_s: float) -> Answer:
    """The answer of a server, in the wanted form if it knows that. The question is posted; what
    takes no posts is asked by GET. Raises QueryFailed."""
    address = endpoint(url, question.endpoint)
    accept = form.value if form is Form.JSON else f"{form.value}, {Form.JSON.value};q=0.5"
    headers = {"Accept": accept, **question.headers}
    posted = urllib.request.Request(
        address, question.form.encode(), headers | {"Content-Type": FORM_TYPE}
    )
    try:
        return sent(posted, timeout_s)
    except urllib.error.HTTPError as error:
        if error.code not in POST_REFUSED:
            raise refused(error) from None
        error.close()
    try:
        got = urllib.request.Request(f"{address}?{question.form}", headers=headers)
        return sent(got, timeout_s)
    except urllib.error.HTTPError as error:
        raise refused(error) from None


def sent(request: urllib.request.Request, timeout_s: float) -> Answer:
    """The answer to a request. Raises HTTPError if it is refused, and QueryFailed."""
    try:
        with urllib.request.urlopen(request, timeout=timeout_s) as response:
            body = response.read(ANSWER_BYTES_MAX + 1)
            kind = response.headers.get_content_type()
    except urllib.error.HTTPError:
        raise
    except (OSError, ValueError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", error)
        method = request.get_method().capitalize()
        raise QueryFailed("canceled", f'{method} "{request.full_url}": {reason}') from error
    if len(body) > ANSWER_BYTES_MAX:
        raise QueryFailed(
            "canceled", f"the answer is longer than {ANSWER_BYTES_MAX} bytes (ANSWER_BYTES_MAX)"
        )
    found = next((known for known in Form if known.value == kind), Form.JSON)
    return Answer(found, body)


def endpoint(url: str, path: str) -> str:
    """Where queries are posted to: below the address of a server, or of its API."""
    if not url.startswith(("http://", "https://")):
        raise QueryFailed("bad_data", f"--url: got {url!r}; allowed is http:// or https://")
    base = url.rstrip("/").removesuffix("/api/v1")
    return f"{base}/api/v1/{path}"


def refused(error: urllib.error.HTTPError) -> QueryFailed:
    """Why a server did not answer, in the words of Prometheus' own client where it gave none."""
    with error:
        body = error.read(REFUSED_BYTES_MAX)
    try:
        answer = orjson.loads(body)
        return QueryFailed(str(answer["errorType"]), str(answer["error"]))
    except (ValueError, KeyError, TypeError):
        side = "server" if error.code >= 500 else "client"
        return QueryFailed(f"{side}_error", f"{side} error: {error.code}")


def result_of(body: bytes, question: Question) -> Result:
    """The result that an answer in JSON states. Raises QueryFailed."""
    try:
        answer = orjson.loads(body)
        data = answer["data"]
        kind, result = data["resultType"], data["result"]
        value = value_of(kind, result)
        steps = np.array([time_of(kind, result)], np.int64)
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise QueryFailed("bad_response", f"no answer of Prometheus' API: {error!r}") from None
    notes = (tuple(answer.get("warnings") or ()), tuple(answer.get("infos") or ()))
    return Result(value, steps, question.endpoint == RANGE, *notes)


def time_of(kind: str, result: Any) -> int:
    """When an instant query was evaluated, in ms: all that it states has that time."""
    if kind == "matrix" or not result:
        return 0
    point = result[0]["value"] if kind == "vector" else result
    return round(float(point[0]) * 1000)


def value_of(kind: str, result: Any) -> Value | Matrix:
    """What a result states, by its type."""
    if kind == "scalar":
        return Scalar(np.array([float(result[1])]))
    if kind == "string":
        return String(str(result[1]))
    if any("histogram" in series or "histograms" in series for series in result):
        raise QueryFailed(
            "bad_response", "the server sent native histograms, which --format=json shows"
        )
    labels = LabelFrame.from_dicts(Symbols(), [series["metric"] for series in result])
    if kind == "vector":
        values = numbers([series["value"] for series in result]).reshape(-1, 1)
        return Vector(labels, values, np.ones(values.shape, np.bool_))
    points = [series["values"] for series in result]
    flat = [point for own in points for point in own]
    seconds = np.array([time for time, _ in flat], np.float64)
    times = np.rint(seconds * 1000).astype(np.int64)
    return Matrix(labels, Samples(offsets_of([len(own) for own in points]), times, numbers(flat)))


def numbers(points: list[tuple[float, str]]) -> Float64s:
    """The values of points, which are texts."""
    return np.array([text for _, text in points], np.str_).astype(np.float64)


def matrix_of(result: Result) -> Matrix | None:
    """The samples of a result; None if it is a scalar or a text."""
    value = result.value
    if not isinstance(value, Vector):
        return value if isinstance(value, Matrix) else None
    present = value.present
    if value.natives is not None:
        present = present & ~value.natives.mask
    times = np.broadcast_to(result.steps, present.shape)[present]
    offsets = offsets_of(present.sum(axis=1).astype(np.int64))
    return Matrix(value.labels, Samples(offsets, times, value.values[present]))
