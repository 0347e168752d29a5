"""Samples as lines of text, of the format 0.0.4 or of OpenMetrics. Native histograms with custom
buckets are written as classic ones, others have no line.

    # TYPE name untyped
    name{label="value",...} 1.5 1435781430781

OpenMetrics says unknown for untyped, has seconds, and ends with a line of its own. A name that not
all readers know stands in the braces, in quotes.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from api.answers.exposition.accept import Form, Format
from api.answers.exposition.classic import BUCKET, ClassicLines, classic_lines
from api.answers.exposition.scrape import Scrape
from api.answers.json_text import copy_text
from api.answers.number_text import write_integer, write_number, write_time
from api.promql.go_format import format_g, format_open_metrics
from storage.histograms.columns import HINT_GAUGE
from storage.histograms.histograms import take
from storage.kernels.arrays import Bytes, Float64s, Int32s, Int64s
from storage.kernels.jit import kernel
from storage.kernels.words import Place, store_word
from storage.labels.frames import LabelFrame
from storage.labels.matchers import METRIC_NAME

# Series whose lines are written at once.
BLOCK_ROWS = 1 << 13
BLOCK_HISTOGRAMS = 1 << 8
LINE_BYTES_MAX = 96  # braces, a value, a time, and what kernels overwrite behind them
PADDING = 8
INSTANCE, BUCKET_LABEL = "instance", "le"
# The ends of the names of a histogram's lines, by BUCKET, SUM and COUNT.
SUFFIXES = {
    "histogram": ("_bucket", "_sum", "_count"),
    "gaugehistogram": ("_bucket", "_gsum", "_gcount"),
}
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


@dataclass(frozen=True, slots=True)
class Lines:
    """What stands in lines; kinds: which of several names each begins with."""

    kinds: Int32s
    texts: LabelTexts
    values: Float64s
    timestamps: Int64s


def encode_text(scrape: Scrape, wanted: Format) -> Iterator[bytes]:
    """The lines of all families; the rows are in families."""
    scrape = scrape.take(np.flatnonzero(~scrape.are_native | scrape.are_custom))
    codes, are_native = scrape.labels.column(METRIC_NAME), scrape.are_native
    bounds = [*scrape.family_starts().tolist(), len(scrape)]
    names = scrape.labels.symbols.texts(codes[bounds[:-1]].tolist())
    for name, first, end in zip(names, bounds[:-1], bounds[1:], strict=True):
        kind = kind_of(scrape.take(np.arange(first, first + 1)), wanted)
        shown = "".join(family_name(name, wanted))
        yield f"# TYPE {shown} {kind}\n".encode("utf-8", "replace")
        suffixes = SUFFIXES.get(kind, ("",))
        written = [family_name(name + suffix, wanted) for suffix in suffixes]
        block = BLOCK_HISTOGRAMS if are_native[first] else BLOCK_ROWS
        for start in range(first, end, block):
            part = scrape.take(np.arange(start, min(end, start + block)))
            yield lines_of(part, written, wanted)
    if wanted.form is Form.OPEN_METRICS:
        yield OPEN_METRICS_END


def kind_of(row: Scrape, wanted: Format) -> str:
    """The type of the family that a row is the first of. Only OpenMetrics has gauges of
    histograms."""
    is_open = wanted.form is Form.OPEN_METRICS
    if row.natives is None or not row.are_native[0]:
        return "unknown" if is_open else "untyped"
    is_gauge = row.natives.histograms.hints[row.natives.rows[0]] == HINT_GAUGE
    return "gaugehistogram" if is_open and is_gauge else "histogram"


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


def lines_of(part: Scrape, names: Sequence[tuple[str, str]], wanted: Format) -> bytes:
    """The lines of some rows of one family. names: as family_name() has them, the one of floats, or
    those of the lines of a histogram by their kind."""
    insides = [inside for _, inside in names]
    if part.natives is None or not part.are_native[0]:
        texts = label_texts(part.labels, insides, any_names=wanted.any_names)
        kinds = np.zeros(len(part), np.int32)
        return written(names, Lines(kinds, texts, part.values, part.timestamps), wanted)
    lines = classic_lines(take(part.natives.histograms, part.natives.rows))
    labels = part.labels.drop([BUCKET_LABEL])
    texts = label_texts(labels, insides, any_names=wanted.any_names)
    texts = bound_texts(texts, lines, wanted)
    times = part.timestamps[lines.owners]
    return written(names, Lines(lines.kinds, texts, lines.values, times), wanted)


def bound_texts(texts: LabelTexts, lines: ClassicLines, wanted: Format) -> LabelTexts:
    """The pairs of the lines of histograms: those of their rows, and upper bounds of buckets."""
    shown = format_open_metrics if wanted.form is Form.OPEN_METRICS else format_g
    are_buckets = lines.kinds == BUCKET
    uppers, places = np.unique(lines.bounds[are_buckets], return_inverse=True)
    own = [f'{BUCKET_LABEL}="{shown(upper)}"'.encode() for upper in uppers.tolist()]
    ids = np.zeros((len(lines.kinds), texts.ids.shape[1] + 1), np.int32)
    ids[:, :-1] = texts.ids[lines.owners]
    ids[:, 0] += np.where(ids[:, 0] > 0, lines.kinds, 0)
    ids[are_buckets, -1] = len(texts.starts) - 1 + places
    ends = texts.starts[-1] + np.cumsum([len(text) for text in own])
    content = texts.content[:-PADDING].tobytes() + b"".join(own) + bytes(PADDING)
    starts = np.concatenate([texts.starts, ends]).astype(np.int64)
    return LabelTexts(ids, starts, np.frombuffer(bytearray(content), np.uint8))


def written(names: Sequence[tuple[str, str]], lines: Lines, wanted: Format) -> bytes:
    """The lines as bytes."""
    heads = [as_bytes(head) for head, _ in names]
    name_starts = np.concatenate(([0], np.cumsum([len(head) for head in heads]))).astype(np.int64)
    joined = np.frombuffer(bytearray(b"".join(heads) + bytes(PADDING)), np.uint8)
    room = (max(map(len, heads)) + lines.texts.longest + LINE_BYTES_MAX) * len(lines.values)
    out = np.empty(room + LINE_BYTES_MAX, np.uint8)
    end = write_lines(
        out,
        joined,
        name_starts,
        lines.kinds,
        lines.texts.ids,
        lines.texts.starts,
        lines.texts.content,
        np.ascontiguousarray(lines.values),
        np.ascontiguousarray(lines.timestamps),
        wanted.form is Form.OPEN_METRICS,
    )
    return out[:end].tobytes()


def label_texts(labels: LabelFrame, insides: Sequence[str], *, any_names: bool) -> LabelTexts:
    """The pairs of each row in the order of names, but the metric name, which may stand first; and
    an empty instance where there is none, so that it is not the scraper's. insides: the first texts
    of all, of which rows have the first one."""
    names = [name for name in labels.names if name != METRIC_NAME]
    ids = np.zeros((labels.rows, 1 + len(names) + (INSTANCE not in names)), np.int32)
    texts = [b"", *map(as_bytes, insides)]
    ids[:, 0] = 1 if insides[0] else 0
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
    names: Bytes,
    name_starts: Int64s,
    kinds: Int32s,
    ids: Int32s,
    starts: Int64s,
    texts: Bytes,
    values: Float64s,
    timestamps: Int64s,
    in_seconds: bool,
) -> Place:
    """A line for each row, which begins with the name of its kind."""
    out, name_source, source = content.ctypes.data, names.ctypes.data, texts.ctypes.data
    at: Place = 0
    for row in range(len(values)):
        kind = kinds[row]
        at = copy_text(out, at, name_source, name_starts[kind], name_starts[kind + 1])
        separator = OPEN
        for i in range(ids.shape[1]):
            text = ids[row, i]
            if text:
                store_word(out, at, separator)
                at = copy_text(out, at + 1, source, starts[text], starts[text + 1])
                separator = COMMA
        store_word(out, at, CLOSE)
        store_word(out, at + 1, SPACE)
        # Zeros have no sign here: -0 and 0 are 0.
        at = write_number(out, at + 2, values[row] + 0.0)
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
