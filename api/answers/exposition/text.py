"""Samples as lines of text, of the format 0.0.4 or of OpenMetrics. Histograms have no line.

    # TYPE name untyped
    name{label="value",...} 1.5 1435781430781

OpenMetrics says unknown for untyped, has seconds, and ends with a line of its own. A name that not
all readers know stands in the braces, in quotes.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from api.answers.exposition.accept import Form, Format
from api.answers.exposition.scrape import Scrape
from api.answers.json_text import copy_text
from api.answers.number_text import write_integer, write_number, write_time
from storage.kernels.arrays import Bytes, Float64s, Int32s, Int64s
from storage.kernels.jit import kernel
from storage.kernels.words import Place, store_word
from storage.labels.frames import LabelFrame
from storage.labels.matchers import METRIC_NAME

# Series whose lines are written at once.
BLOCK_ROWS = 1 << 13
LINE_BYTES_MAX = 96  # braces, a value, a time, and what kernels overwrite behind them
PADDING = 8
INSTANCE = "instance"
SPACE, NEWLINE, COMMA = (np.uint64(ord(char)) for char in " \n,")
OPEN, CLOSE, MINUS = (np.uint64(ord(char)) for char in "{}-")
OPEN_METRICS_END = b"# EOF\n"

_UNKNOWN_METRIC, _UNKNOWN_LABEL = re.compile(r"[^a-zA-Z0-9_:]"), re.compile(r"[^a-zA-Z0-9_]")


@dataclass(frozen=True, slots=True)
class LabelTexts:
    """Pairs as they stand in braces: row i has texts ids[i], 0 for none; text k is
    content[starts[k]:starts[k+1]]."""

    ids: Int32s
    starts: Int64s
    content: Bytes

    @property
    def longest(self) -> int:
        """The most bytes that a row takes, with commas."""
        lengths = np.diff(self.starts)
        of_rows = lengths[self.ids].sum(axis=1)
        return int(of_rows.max(initial=0)) + int(self.ids.shape[1])


def encode_text(scrape: Scrape, wanted: Format) -> Iterator[bytes]:
    """The lines of all families; the rows are in families."""
    floats = scrape.take(np.flatnonzero(~scrape.are_native))
    codes = floats.labels.column(METRIC_NAME)
    is_open = wanted.form is Form.OPEN_METRICS
    bounds = [*floats.family_starts().tolist(), len(floats)]
    names = floats.labels.symbols.texts(codes[bounds[:-1]].tolist())
    for name, first, end in zip(names, bounds[:-1], bounds[1:], strict=True):
        head, inside = family_name(name, wanted)
        shown = inside or head
        yield f"# TYPE {shown} {'unknown' if is_open else 'untyped'}\n".encode("utf-8", "replace")
        for start in range(first, end, BLOCK_ROWS):
            rows = np.arange(start, min(end, start + BLOCK_ROWS))
            yield lines_of(floats.take(rows), head, inside, wanted)
    if is_open:
        yield OPEN_METRICS_END


def family_name(name: str, wanted: Format) -> tuple[str, str]:
    """The name before the braces, and the one in them, of which one is empty."""
    plain = plain_name(name)
    return ("", quoted(name)) if wanted.any_names and plain != name else (plain, "")


def plain_name(name: str) -> str:
    """The metric name with underscores for what old readers do not know."""
    text = _UNKNOWN_METRIC.sub("_", name)
    return f"_{text}" if text[:1].isdigit() else text


def plain_label(name: str) -> str:
    """The label name likewise."""
    text = _UNKNOWN_LABEL.sub("_", name)
    return f"_{text}" if text[:1].isdigit() else text


def quoted(text: str) -> str:
    text = text.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")
    return f'"{text}"'


def lines_of(part: Scrape, head: str, inside: str, wanted: Format) -> bytes:
    """The lines of some rows of one family."""
    texts = label_texts(part.labels, inside, any_names=wanted.any_names)
    name = np.frombuffer(bytearray(as_bytes(head) + bytes(PADDING)), np.uint8)
    room = (len(name) + texts.longest + LINE_BYTES_MAX) * len(part)
    out = np.empty(room + LINE_BYTES_MAX, np.uint8)
    end = write_lines(
        out,
        name,
        len(name) - PADDING,
        texts.ids,
        texts.starts,
        texts.content,
        np.ascontiguousarray(part.values),
        np.ascontiguousarray(part.timestamps),
        wanted.form is Form.OPEN_METRICS,
    )
    return out[:end].tobytes()


def label_texts(labels: LabelFrame, inside: str, *, any_names: bool) -> LabelTexts:
    """The pairs of each row in the order of names, but the metric name, which may stand first; and
    an empty instance where there is none, so that it is not the scraper's."""
    names = [name for name in labels.names if name != METRIC_NAME]
    ids = np.zeros((labels.rows, 1 + len(names) + (INSTANCE not in names)), np.int32)
    texts = [b"", as_bytes(inside)]
    ids[:, 0] = 1 if inside else 0
    empty = f'{INSTANCE}=""'.encode()
    for column, name in enumerate(names, 1):
        codes, places = np.unique(labels.column(name), return_inverse=True)
        numbers = np.zeros(len(codes), np.int32)
        own = as_bytes(label_name(name, any_names=any_names)) + b"="
        for k, value in enumerate(labels.symbols.texts(codes.tolist())):
            if value or name == INSTANCE:
                numbers[k] = len(texts)
                texts.append(own + as_bytes(quoted(value)) if value else empty)
        ids[:, column] = numbers[places]
    if INSTANCE not in names:
        ids[:, -1] = len(texts)
        texts.append(empty)
    starts = np.concatenate(([0], np.cumsum([len(text) for text in texts])))
    content = np.frombuffer(bytearray(b"".join(texts) + bytes(PADDING)), np.uint8)
    return LabelTexts(ids, starts, content)


def label_name(name: str, *, any_names: bool) -> str:
    plain = plain_label(name)
    return quoted(name) if any_names and plain != name else plain


def as_bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


@kernel
def write_lines(
    content: Bytes,
    name: Bytes,
    name_length: int,
    ids: Int32s,
    starts: Int64s,
    texts: Bytes,
    values: Float64s,
    timestamps: Int64s,
    in_seconds: bool,
) -> Place:
    """A line for each row."""
    out, name_source, source = content.ctypes.data, name.ctypes.data, texts.ctypes.data
    at: Place = 0
    for row in range(len(values)):
        at = copy_text(out, at, name_source, 0, name_length)
        separator = OPEN
        for i in range(ids.shape[1]):
            text = ids[row, i]
            if text:
                store_word(out, at, separator)
                at = copy_text(out, at + 1, source, starts[text], starts[text + 1])
                separator = COMMA
        store_word(out, at, CLOSE)
        store_word(out, at + 1, SPACE)
        at = write_number(out, at + 2, values[row])
        store_word(out, at, SPACE)
        at += 1
        if in_seconds:
            at = write_time(out, at, timestamps[row])
        else:
            time = timestamps[row]
            if time < 0:
                store_word(out, at, MINUS)
                at, time = at + 1, -time
            at = write_integer(out, at, np.uint64(time))
        store_word(out, at, NEWLINE)
        at += 1
    return at
