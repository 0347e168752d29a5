"""Which form of an answer an Accept header chooses."""

import pytest

from api.answers.accept import HEADER_CHARS_KEPT_MAX, Form, choose_form, weight_of

ARROW, CSV = "application/vnd.apache.arrow.stream", "text/csv"


@pytest.mark.parametrize(
    ("accept", "form"),
    [
        ("", Form.JSON),
        ("*/*", Form.JSON),
        ("application/json", Form.JSON),
        (ARROW, Form.ARROW),
        (f"  {ARROW.upper()} ", Form.ARROW),
        (CSV, Form.CSV),
        ("text/csv; header=present; charset=utf-8", Form.CSV),
        # What browsers, Grafana and curl send.
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", Form.JSON),
        ("application/json, text/plain, */*", Form.JSON),
        ("text/*", Form.CSV),
        ("application/*", Form.JSON),
        # The highest weight, and of equal ones the first.
        (f"{ARROW};q=0.5, application/json", Form.JSON),
        (f"application/json;q=0.5, {ARROW}", Form.ARROW),
        (f"*/*;q=0.1, text/csv;q=0.2, {ARROW};q=0.3", Form.ARROW),
        (f"{CSV}, {ARROW}", Form.CSV),
        (f"{ARROW}, {CSV}", Form.ARROW),
        ("application/json, text/csv", Form.JSON),
        # What is not wanted, or not known, is passed over.
        (f"{ARROW};q=0", Form.JSON),
        (f"{ARROW};q=0, text/csv;q=0.1", Form.CSV),
        (f"{ARROW};q=much", Form.JSON),
        ("application/xml", Form.JSON),
        ("application/vnd.apache.arrow.file, text/csv;q=0.1", Form.CSV),
        (",,;,", Form.JSON),
        ("x/y," * HEADER_CHARS_KEPT_MAX + CSV, Form.CSV),
    ],
)
def test_the_form_that_is_chosen(accept: str, form: Form) -> None:
    assert choose_form(accept) is form


@pytest.mark.parametrize(
    ("text", "weight"), [("1", 1.0), ("0.25", 0.25), ("7", 1.0), ("-1", 0.0), ("x", 0.0)]
)
def test_weights(text: str, weight: float) -> None:
    assert weight_of(text) == weight
