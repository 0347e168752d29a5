"""Answers in the form that a request chose."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from api.answers import encoding
from api.answers.accept import Form
from api.answers.encoding import Buffer, SampleReplicas
from api.answers.listing import encode_codes, warm_listing
from api.answers.tables import arrow, csv_text
from api.answers.tables.points import table_of
from api.promql.vectors.value import Result, String, Vector
from storage.histograms.columns import NO_HISTOGRAM, Natives
from storage.histograms.histograms import Parts, from_parts
from storage.labels.frames import LabelFrame, Symbols


def encode_result(
    form: Form,
    result: Result,
    *,
    limit: int = 0,
    stats: dict[str, Any] | None = None,
    origins: SampleReplicas | None = None,
) -> Iterator[Buffer]:
    """The answer to a query; the parameters are those of `encoding.encode_result`."""
    if form is Form.JSON:
        return encoding.encode_result(result, limit=limit, stats=stats, origins=origins)
    table = table_of(result, limit=limit, stats=stats, origins=origins)
    return arrow.encode_table(table) if form is Form.ARROW else csv_text.encode_table(table)


def encode_labelsets(form: Form, labels: LabelFrame, *, limit: int) -> Iterator[Buffer]:
    """The answer whose data are label sets, sorted."""
    if form is Form.JSON:
        return encoding.encode_labelsets(labels, limit=limit)
    if form is Form.ARROW:
        return arrow.encode_labelsets(labels, limit=limit)
    return csv_text.encode_labelsets(labels, limit=limit)


def encode_texts(form: Form, name: str, texts: list[str], *, limit: int) -> Iterator[Buffer]:
    """The answer whose data are label names or values; name: that of their column in tables."""
    if form is Form.JSON:
        return iter([encoding.encode_texts(texts, limit=limit)])
    encode = arrow.encode_texts if form is Form.ARROW else csv_text.encode_texts
    return encode(name, texts, limit=limit)


def encode_values(form: Form, labels: LabelFrame, name: str, *, limit: int) -> Iterator[Buffer]:
    """The answer whose data are the values of one label."""
    codes = labels.values_in_order(name)
    if form is Form.JSON:
        return encode_codes(labels.symbols, codes, limit=limit)
    wanted = codes[: limit + 1] if limit else codes  # one more shows that there are more
    return encode_texts(form, "value", labels.symbols.texts(wanted), limit=limit)


def warm_tables() -> None:
    """Compile or load the kernels of tables, so that no answer waits for the compiler. Blocks."""
    labels = LabelFrame.from_dicts(Symbols(), [{"a": "b"}, {}])
    values = np.array([[0.5], [1 / 3]])
    histograms = from_parts([Parts(count=3.0, sum=1 / 3, positive=[(1, 3.0)])])
    natives = Natives(histograms, np.array([[0], [NO_HISTOGRAM]], np.int32))
    vector = Vector(labels, values, np.ones(values.shape, np.bool_), natives=natives)
    result = Result(vector, np.zeros(1, np.int64), is_range=True)
    origins = SampleReplicas(labels, np.zeros(values.shape, np.int32))
    text = Result(String("a"), np.zeros(1, np.int64), is_range=False)
    warm_listing()
    for form in (Form.ARROW, Form.CSV):
        for blocks in (
            encode_result(form, result, origins=origins),
            encode_result(form, text),
            encode_labelsets(form, labels, limit=0),
        ):
            for _ in blocks:
                pass
