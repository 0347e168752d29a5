"""Servers that are asked, Cupola and others."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

import numpy as np
import pytest

from api.answers.accept import Form
from api.answers.chosen import encode_result
from api.promql.vectors.value import Scalar, String
from receiver.querying.question import INSTANT, RANGE, QueryFailed, Question
from receiver.querying.remote import ask, endpoint, matrix_of, result_of
from tests.makers.promql import table_results

UP = Question(INSTANT, {"query": "up"}, headers={"X-Scope-OrgID": "t"})


@contextmanager
def server(
    status: int, kind: str, body: bytes, posts_refused: int = 0
) -> Iterator[tuple[str, list[Any]]]:
    """One that answers so; its address, and what came: path, headers and form."""
    came: list[Any] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            form = self.rfile.read(int(self.headers["Content-Length"])).decode()
            if posts_refused:
                self.send_error(posts_refused)
            else:
                self.answer(self.path, form)

        def do_GET(self) -> None:
            self.answer(*self.path.split("?"))

        def answer(self, path: str, form: str) -> None:
            came.append((path, dict(self.headers), parse_qs(form)))
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None: ...

    listening = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=listening.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.server_port}", came
    finally:
        listening.shutdown()
        thread.join()
        listening.server_close()


def test_what_is_asked() -> None:
    with server(200, "text/csv; charset=utf-8", b"time,value\n") as (url, came):
        answer = ask(f"{url}/prefix/", UP, Form.CSV, timeout_s=60)
    assert (answer.form, answer.body) == (Form.CSV, b"time,value\n")
    ((path, headers, form),) = came
    assert path == "/prefix/api/v1/query"
    assert headers["Accept"] == "text/csv, application/json;q=0.5"
    assert {name.lower(): value for name, value in headers.items()}["x-scope-orgid"] == "t"
    assert form == {"query": ["up"]}


@pytest.mark.parametrize("form", list(Form))
def test_a_server_that_knows_json_only(form: Form) -> None:
    with server(200, "application/json", b"{}") as (url, _):
        assert ask(url, UP, form, timeout_s=60).form is Form.JSON


@pytest.mark.parametrize(
    ("status", "body", "text"),
    [
        (
            400,
            b'{"status":"error","errorType":"bad_data","error":"no"}',
            "bad_data: no",
        ),
        (502, b"<html>", "server_error: server error: 502"),
        (404, b"[]", "client_error: client error: 404"),
    ],
)
def test_a_server_that_refuses(status: int, body: bytes, text: str) -> None:
    with (
        server(status, "application/json", body) as (url, _),
        pytest.raises(QueryFailed) as caught,
    ):
        ask(url, UP, Form.JSON, timeout_s=60)
    assert str(caught.value) == text


@pytest.mark.parametrize(("status", "is_asked_again"), [(405, True), (501, True), (404, False)])
def test_a_server_that_takes_no_posts(status: int, is_asked_again: bool) -> None:
    with server(200, "application/json", b"{}", posts_refused=status) as (url, came):
        if is_asked_again:
            assert ask(url, UP, Form.JSON, timeout_s=60).body == b"{}"
            assert [(path, form) for path, _, form in came] == [
                ("/api/v1/query", {"query": ["up"]})
            ]
        else:
            with pytest.raises(QueryFailed, match="client_error: client error: 404"):
                ask(url, UP, Form.JSON, timeout_s=60)


def test_no_server() -> None:
    with pytest.raises(QueryFailed, match="bad_data: --url: got 'file:///etc/hosts'"):
        ask("file:///etc/hosts", UP, Form.JSON, timeout_s=60)
    with server(200, "", b"") as (url, _):
        pass
    with pytest.raises(QueryFailed, match="canceled: Post .*refused"):
        ask(url, UP, Form.JSON, timeout_s=60)


@pytest.mark.parametrize(
    ("url", "where"),
    [
        ("http://a", "http://a/api/v1/query"),
        ("http://a:9090/", "http://a:9090/api/v1/query"),
        ("https://a/prometheus/api/v1/", "https://a/prometheus/api/v1/query"),
    ],
)
def test_endpoints(url: str, where: str) -> None:
    assert endpoint(url, "query") == where


@pytest.mark.parametrize(
    ("make", "asked"),
    [
        (table_results.vector_result, RANGE),
        (table_results.matrix_result, INSTANT),
        (table_results.scalar_result, INSTANT),
        (table_results.string_result, INSTANT),
    ],
)
def test_results_are_those_that_were_encoded(make: Any, asked: str) -> None:
    result = make()
    body = b"".join(encode_result(Form.JSON, result))
    found = result_of(body, Question(asked, {}))
    assert (found.warnings, found.infos) == (result.warnings, result.infos)
    assert found.is_range == result.is_range
    want, got = matrix_of(result), matrix_of(found)
    if want is None:
        assert isinstance(found.value, Scalar | String)
        assert b"".join(encode_result(Form.JSON, found)) == body
        return
    assert got is not None
    assert np.array_equal(got.samples.offsets, want.samples.offsets)
    assert np.array_equal(got.samples.timestamps, want.samples.timestamps)
    assert np.array_equal(got.samples.values, want.samples.values, equal_nan=True)
    rows = range(want.labels.rows)
    assert [got.labels.labelset(k) for k in rows] == [want.labels.labelset(k) for k in rows]


def test_a_vector_stays_one() -> None:
    body = json.dumps(
        {
            "status": "success",
            "data": {
                "resultType": "vector",
                "result": [{"metric": {"a": "b"}, "value": [1.5, "+Inf"]}],
            },
        }
    ).encode()
    found = result_of(body, UP)
    assert b'"vector"' in b"".join(encode_result(Form.JSON, found))
    csv = b"".join(encode_result(Form.CSV, found))
    assert csv == b"time,a,value\n1970-01-01T00:00:01.500Z,b,+Inf\n"


def test_histograms_stay_json() -> None:
    body = b"".join(encode_result(Form.JSON, table_results.vector_result(histograms=True)))
    with pytest.raises(QueryFailed, match="--format=json"):
        result_of(body, Question(RANGE, {}))
    without = matrix_of(table_results.vector_result(histograms=True))
    assert without is not None
    assert len(without.samples) == 3


@pytest.mark.parametrize("body", [b"", b"{}", b'{"data":{}}', b'{"data":{"resultType":"vector",'
    b'"result":[{"metric":{},"value":[1]}]}}', b"[]"])  # fmt: skip
def test_answers_that_are_none(body: bytes) -> None:
    with pytest.raises(QueryFailed, match="bad_response"):
        result_of(body, UP)
