"""The kernels of CSV against their plain twins."""

import csv
import io
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.answers.tables import csv_lines
from api.answers.tables.csv_text import field_texts, quoted
from api.answers.texts import room_for
from tests.twins.answers import number_text

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
YEARS_1_TO_9999 = st.integers(-62_135_596_800_000, 253_402_300_799_999)


def moment(time_ms: int) -> str:
    out = room_for(csv_lines.TIME_BYTES_MAX)
    return out[: csv_lines.write_moment_at(out, time_ms)].tobytes().decode()


@settings(deadline=None)  # the first call may compile
@given(YEARS_1_TO_9999)
def test_moments_equal_those_of_the_standard_library(time_ms: int) -> None:
    time = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=time_ms)
    assert moment(time_ms) == time.strftime("%Y-%m-%dT%H:%M:%S.").rjust(20, "0") + (
        f"{time.microsecond // 1000:03}Z"
    )


@pytest.mark.parametrize(
    ("time_ms", "text"),
    [
        (0, "1970-01-01T00:00:00.000Z"),
        (951_782_399_999, "2000-02-28T23:59:59.999Z"),
        (951_782_400_000, "2000-02-29T00:00:00.000Z"),
        (951_868_800_000, "2000-03-01T00:00:00.000Z"),
        (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
        (-62_167_219_200_000, "0000-01-01T00:00:00.000Z"),
        (-62_167_219_200_001, "-000000001-12-31T23:59:59.999Z"),
        (253_402_300_800_000, "+000010000-01-01T00:00:00.000Z"),
        ((1 << 63) - 1, "+292278994-08-17T07:12:55.807Z"),
        (-(1 << 63), "-292275055-05-16T16:47:04.192Z"),
    ],
)
def test_moments_of_all_times(time_ms: int, text: str) -> None:
    assert moment(time_ms) == text
    assert len(text) <= csv_lines.TIME_BYTES_MAX


@settings(deadline=None)  # the first call may compile
@given(
    st.lists(st.lists(TEXTS, min_size=2, max_size=2), min_size=1, max_size=4),
    st.lists(st.tuples(st.integers(0, 3), YEARS_1_TO_9999, st.floats()), max_size=6),
)
def test_lines_are_read_back(
    labels: list[list[str]], samples: list[tuple[int, int, float]]
) -> None:
    """By the reader of the standard library; histograms and replicas are texts that are copied."""
    fields = field_texts([text for row in labels for text in row])
    ids = np.arange(2 * len(labels), dtype=np.int32).reshape(-1, 2)
    samples = [(row % len(labels), time, value) for row, time, value in samples]
    rows = np.array([row for row, *_ in samples], np.int64)
    objects = np.array([k % 2 - 1 for k in range(len(samples))], np.int32)
    histograms, replicas = field_texts(['{"h",\n}']), field_texts(["a", "b"])
    origins = np.array([k % 2 for k in range(len(samples))], np.int32)
    size = csv_lines.line_bytes(ids, fields.starts, rows)
    size += (csv_lines.LINE_BYTES_MAX + 2 + 16) * len(samples)
    out = room_for(size)
    end = csv_lines.write_lines(
        out,
        ids,
        fields.starts,
        fields.text,
        rows,
        np.array([time for _, time, _ in samples], np.int64),
        np.array([value for *_, value in samples], np.float64),
        objects,
        histograms.starts,
        histograms.text,
        origins,
        replicas.starts,
        replicas.text,
        True,
    )
    assert end <= size
    text = out[:end].tobytes().decode()
    found = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    assert found == [
        [
            moment(time),
            *labels[row],
            number_text(value) if k % 2 == 0 else "",
            "" if k % 2 == 0 else '{"h",\n}',
            "ab"[k % 2],
        ]
        for k, (row, time, value) in enumerate(samples)
    ]


@settings(deadline=None)  # the first call may compile
@given(st.lists(st.lists(TEXTS, min_size=3, max_size=3), max_size=5))
def test_labels_are_read_back(labels: list[list[str]]) -> None:
    fields = field_texts([text for row in labels for text in row])
    ids = np.arange(3 * len(labels), dtype=np.int32).reshape(-1, 3)
    out = room_for(csv_lines.line_bytes(ids, fields.starts, np.arange(len(ids))) + len(ids))
    end = csv_lines.write_labels(out, ids, fields.starts, fields.text)
    assert out[:end].tobytes().decode() == "".join(
        ",".join(map(quoted, row)) + "\n" for row in labels
    )


@settings(deadline=None)  # the first call may compile
@given(
    st.lists(
        st.tuples(
            st.floats(),
            st.floats(),
            st.lists(
                st.tuples(st.integers(0, 3), st.floats(), st.floats(), st.floats()), max_size=4
            ),
        ),
        max_size=4,
    )
)
def test_histograms_equal_the_twin(histograms: list[tuple[float, float, list]]) -> None:
    lines = [line for *_, own in histograms for line in own]
    offsets = np.cumsum([0] + [len(own) for *_, own in histograms])
    numbers = [n for count, total, own in histograms for n in (count, total, *flat(own))]
    size = csv_lines.HISTOGRAM_BYTES_MAX * len(histograms)
    out = room_for(size + csv_lines.BUCKET_BYTES_MAX * len(lines))
    starts = np.empty(len(histograms) + 1, np.int64)
    codes = np.array([code for code, *_ in lines], np.int8)
    csv_lines.write_histograms(
        out, starts, offsets.astype(np.int64), codes, np.array(numbers, np.float64)
    )
    found = [out[a:b].tobytes().decode() for a, b in zip(starts, starts[1:], strict=False)]
    assert found == [f'"{histogram_text(*histogram)}"' for histogram in histograms]


def flat(lines: list[tuple[int, float, float, float]]) -> list[float]:
    return [number for _, *numbers in lines for number in numbers]


def histogram_text(count: float, total: float, lines: list) -> str:
    parts = [f"count:{number_text(count)}", f"sum:{number_text(total)}"]
    for code, lower, upper, inside in lines:
        opening, closing = ["(]", "[)", "()", "[]"][code]
        bounds = f"{number_text(lower)},{number_text(upper)}"
        parts.append(f"{opening}{bounds}{closing}:{number_text(inside)}")
    return "{" + ", ".join(parts) + "}"
