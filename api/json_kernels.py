"""The kernels that assemble JSON text from columns.

Text is uint8. Every writer puts bytes into `out` from `at` on and returns where it stopped; the
caller has made `out` large enough (see the *_BYTES_MAX constants). A column of quoted texts is a
JSON array with the places where its elements start: element i is blob[starts[i] : starts[i+1]-1].
What is written has a comma in front, which the caller cuts off the very first.

A finite number is written from a decimal form, mantissa / 10**scale, where it has a short one, and
else from the text that Arrow made of it.
"""

import math

import numpy as np
from numpy.typing import NDArray

from storage.kernel import kernel, kernel_part
from storage.samples import Float64s, Int32s, Int64s

Bytes = NDArray[np.uint8]
Int8s = NDArray[np.int8]

NO_DECIMAL = -1  # the scale of a number that is written from its text
SCALE_MAX = 4  # prices, percentages and seconds end here; each further try costs 3 ns a number
MANTISSA_LIMIT = 1e15  # up to 15 digits, a decimal is the shortest text of the float next to it
POINT_BYTES_MAX = 64  # [ -9223309901257974.999 , "-0.00000123456789012345678" ] and commas
SERIES_BYTES_MAX = 64  # ,{"metric":{},"values":[],"histograms":[],"replicas":[]}
NUMBER_BYTES_MAX = 32  # "-0.00000123456789012345678",
HISTOGRAM_BYTES_MAX = 48  # {"count":,"sum":,"buckets":[]}
LINE_BYTES_MAX = 8  # ,[0,]

POWERS = 10.0 ** np.arange(SCALE_MAX + 1)


def _constant(text: bytes) -> Bytes:
    return np.frombuffer(text, np.uint8)


METRIC = _constant(b',{"metric":')
VALUE = _constant(b',"value":')
VALUES = _constant(b',"values":[')
REPLICA = _constant(b',"replica":')
REPLICAS = _constant(b',"replicas":[')
HISTOGRAM = _constant(b',"histogram":')
HISTOGRAMS = _constant(b',"histograms":[')
COUNT = _constant(b'{"count":')
SUM = _constant(b',"sum":')
BUCKETS = _constant(b',"buckets":[')
NAN = _constant(b"NaN")
INF = _constant(b"+Inf")

QUOTE, PLUS, COMMA, MINUS, POINT = 34, 43, 44, 45, 46
ZERO, COLON, OPEN, CLOSE, EXPONENT, BRACE, END_BRACE = 48, 58, 91, 93, 101, 123, 125
TEN = np.uint64(10)
LETTER_N, LETTER_I, BACKSLASH = 110, 105, 92


@kernel
def find_decimals(values: Float64s, mantissas: Int64s, scales: Int8s) -> None:
    """The decimal form with the fewest digits, where one of at most 15 digits is exact.

    mantissa / 10**scale is computed as one correctly rounded division of exact numbers. If that
    gives the value, no other decimal of 15 digits does, so the mantissa has the shortest digits.
    """
    for i in range(len(values)):
        value = values[i]
        scales[i] = NO_DECIMAL
        if value == 0 and math.copysign(1.0, value) < 0:
            continue
        for scale in range(SCALE_MAX + 1):
            mantissa = np.rint(value * POWERS[scale])
            if not abs(mantissa) < MANTISSA_LIMIT:
                break
            if mantissa / POWERS[scale] == value:
                mantissas[i] = np.int64(mantissa)
                scales[i] = scale
                break


@kernel
def copy_text(out: Bytes, at: int, blob: Bytes, start: int, end: int) -> int:
    for i in range(start, end):
        out[at + i - start] = blob[i]
    return at + end - start


@kernel
def write_digits(out: Bytes, at: int, number: int, width: int) -> int:
    """A number of 0 to 10**18 with at least `width` digits."""
    end = at + width
    limit = 1
    for _ in range(width):
        limit *= 10
    while number >= limit:
        limit *= 10
        end += 1
    rest = np.uint64(number)  # dividing unsigned numbers needs no correction of the sign
    for i in range(end - 1, at - 1, -1):
        quotient = rest // TEN
        out[i] = ZERO + np.uint8(rest - quotient * TEN)
        rest = quotient
    return end


@kernel_part
def write_decimal(out: Bytes, at: int, mantissa: int, scale: int) -> int:
    if mantissa < 0:
        out[at] = MINUS
        at += 1
        mantissa = -mantissa
    if scale == 0:
        return write_digits(out, at, mantissa, 1)
    unit = 1
    for _ in range(scale):
        unit *= 10
    at = write_digits(out, at, mantissa // unit, 1)
    out[at] = POINT
    return write_digits(out, at + 1, mantissa % unit, scale)


@kernel_part
def write_time(out: Bytes, at: int, time_ms: int) -> int:
    """Seconds; with three decimals unless they are 0."""
    if time_ms < 0:
        out[at] = MINUS
        at += 1
        time_ms = -time_ms
    at = write_digits(out, at, time_ms // 1000, 1)
    if time_ms % 1000 != 0:
        out[at] = POINT
        at = write_digits(out, at + 1, time_ms % 1000, 3)
    return at


@kernel
def write_number_text(out: Bytes, at: int, blob: Bytes, start: int, end: int) -> int:
    """A number in Prometheus' form, from the shortest text that Arrow has for it.

    Arrow writes `1.5e+10` from 1e10 on, `1.5e-7` below 1e-6, `nan` and `inf`; wanted are an
    exponent from 1e21 on only, one of at least two digits, `NaN`, `+Inf` and `-Inf`.
    """
    negative = blob[start] == MINUS
    first = start + 1 if negative else start
    if blob[first] == LETTER_N:
        return copy_text(out, at, NAN, 0, len(NAN))
    if negative:
        out[at] = MINUS
        at += 1
    if blob[first] == LETTER_I:
        return copy_text(out, at, INF, 1 if negative else 0, len(INF))
    mantissa_end = first
    while mantissa_end < end and blob[mantissa_end] != EXPONENT:
        mantissa_end += 1
    if mantissa_end == end:
        return copy_text(out, at, blob, first, end)
    exponent = 0
    for i in range(mantissa_end + 2, end):
        exponent = exponent * 10 + blob[i] - ZERO
    if blob[mantissa_end + 1] == PLUS and exponent < 21:
        return write_shifted(out, at, blob, first, mantissa_end, exponent)
    at = copy_text(out, at, blob, first, mantissa_end + 2)
    return write_digits(out, at, exponent, 2)


@kernel
def write_shifted(out: Bytes, at: int, blob: Bytes, start: int, end: int, exponent: int) -> int:
    """The mantissa `d` or `d.ddd` with its point moved `exponent` > 0 places to the right."""
    out[at] = blob[start]
    at += 1
    for i in range(exponent):
        digit = start + 2 + i
        out[at] = blob[digit] if digit < end else ZERO
        at += 1
    if start + 2 + exponent < end:
        out[at] = POINT
        at = copy_text(out, at + 1, blob, start + 2 + exponent, end)
    return at


@kernel
def find_elements(blob: Bytes, starts: Int64s) -> None:
    """Where the elements of a JSON array of texts start; the last of `starts` is len(blob)."""
    at = 1
    for i in range(len(starts) - 1):
        starts[i] = at
        at += 1
        while blob[at] != QUOTE:
            at += 2 if blob[at] == BACKSLASH else 1
        at += 2
    starts[-1] = len(blob)


@kernel
def label_bytes(ids: Int32s, key_starts: Int64s, token_starts: Int64s) -> int:
    """The most bytes that write_labelset takes for all rows of ids."""
    rows, names = ids.shape
    total: int = 2 * rows
    for row in range(rows):
        for i in range(names):
            token = ids[row, i]
            total += token_starts[token + 1] - token_starts[token]
            total += key_starts[i + 1] - key_starts[i]
    return total


@kernel
def write_labelset(
    out: Bytes,
    at: int,
    ids: Int32s,
    key_starts: Int64s,
    keys: Bytes,
    token_starts: Int64s,
    tokens: Bytes,
) -> int:
    """One row's labels as an object. ids[i]: which token is the value of key i; 0: it has none."""
    out[at] = BRACE
    at += 1
    comma = False
    for i in range(len(ids)):
        token = ids[i]
        if token == 0:
            continue
        if comma:
            out[at] = COMMA
            at += 1
        comma = True
        at = copy_text(out, at, keys, key_starts[i], key_starts[i + 1] - 1)
        out[at] = COLON
        at = copy_text(out, at + 1, tokens, token_starts[token], token_starts[token + 1] - 1)
    out[at] = END_BRACE
    return at + 1


@kernel
def write_labelsets(
    out: Bytes,
    ids: Int32s,
    key_starts: Int64s,
    keys: Bytes,
    token_starts: Int64s,
    tokens: Bytes,
) -> int:
    """The label sets of all rows, each with a comma in front."""
    at = 0
    for row in range(len(ids)):
        out[at] = COMMA
        at = write_labelset(out, at + 1, ids[row], key_starts, keys, token_starts, tokens)
    return at


@kernel
def write_objects(
    out: Bytes,
    starts: Int64s,
    ids: Int32s,
    key_starts: Int64s,
    keys: Bytes,
    token_starts: Int64s,
    tokens: Bytes,
) -> None:
    """The label sets of all rows; row i is out[starts[i]:starts[i + 1]]."""
    at = 0
    for row in range(len(ids)):
        starts[row] = at
        at = write_labelset(out, at, ids[row], key_starts, keys, token_starts, tokens)
    starts[len(ids)] = at


@kernel
def write_series(
    out: Bytes,
    ids: Int32s,
    key_starts: Int64s,
    keys: Bytes,
    token_starts: Int64s,
    tokens: Bytes,
    offsets: Int64s,
    timestamps: Int64s,
    mantissas: Int64s,
    scales: Int8s,
    text_offsets: Int32s,
    texts: Bytes,
    origins: Int32s,
    origin_starts: Int64s,
    origin_objects: Bytes,
    single: bool,
    continues: bool,
    unfinished: bool,
) -> int:
    """Series with their points, each with a comma in front; series i has points
    offsets[i]:offsets[i+1].

    origins: for each point, which of the objects tells its replica; empty if that is not told.
    single: each series has one point, written as `value`. continues: the first series was begun in
    an earlier call. unfinished: the last one goes on in a later call.
    """
    at = 0
    text = 0
    rows = len(offsets) - 1
    for row in range(rows):
        opens = row > 0 or not continues
        if opens:
            at = copy_text(out, at, METRIC, 0, len(METRIC))
            at = write_labelset(out, at, ids[row], key_starts, keys, token_starts, tokens)
            piece = VALUE if single else VALUES
            at = copy_text(out, at, piece, 0, len(piece))
        for i in range(offsets[row], offsets[row + 1]):
            if i > offsets[row] or not opens:
                out[at] = COMMA
                at += 1
            out[at] = OPEN
            at = write_time(out, at + 1, timestamps[i])
            out[at] = COMMA
            out[at + 1] = QUOTE
            if scales[i] == NO_DECIMAL:
                start, end = text_offsets[text], text_offsets[text + 1]
                at = write_number_text(out, at + 2, texts, start, end)
                text += 1
            else:
                at = write_decimal(out, at + 2, mantissas[i], scales[i])
            out[at] = QUOTE
            out[at + 1] = CLOSE
            at += 2
        if row < rows - 1 or not unfinished:
            if not single:
                out[at] = CLOSE
                at += 1
            if len(origins) > 0:
                told = origins[offsets[row] : offsets[row + 1]]
                at = write_origins(out, at, told, origin_starts, origin_objects, single)
            out[at] = END_BRACE
            at += 1
    return at


@kernel
def write_origins(
    out: Bytes, at: int, origins: Int32s, starts: Int64s, objects: Bytes, single: bool
) -> int:
    """The replicas of one series' points as a member of its object."""
    if single:
        at = copy_text(out, at, REPLICA, 0, len(REPLICA))
    else:
        at = copy_text(out, at, REPLICAS, 0, len(REPLICAS))
    for i in range(len(origins)):
        if i > 0:
            out[at] = COMMA
            at += 1
        at = copy_text(out, at, objects, starts[origins[i]], starts[origins[i] + 1])
    if not single:
        out[at] = CLOSE
        at += 1
    return at


@kernel
def write_quoted(
    out: Bytes,
    at: int,
    mantissa: int,
    scale: int,
    text: int,
    text_offsets: Int32s,
    texts: Bytes,
) -> int:
    """A number in quotes, from its decimal form or else from the text with that number."""
    out[at] = QUOTE
    if scale == NO_DECIMAL:
        at = write_number_text(out, at + 1, texts, text_offsets[text], text_offsets[text + 1])
    else:
        at = write_decimal(out, at + 1, mantissa, scale)
    out[at] = QUOTE
    return at + 1


@kernel
def write_histograms(
    out: Bytes,
    starts: Int64s,
    offsets: Int64s,
    codes: Int8s,
    mantissas: Int64s,
    scales: Int8s,
    text_offsets: Int32s,
    texts: Bytes,
) -> None:
    """Native histograms as objects: number i is out[starts[i]:starts[i + 1]].

    Histogram i has the bucket lines offsets[i]:offsets[i + 1], of which codes tell whose bounds
    belong to the bucket. The numbers are its count and sum, then lower bound, upper bound and
    count of each line, one histogram behind the other.
    """
    at, number, text = 0, 0, 0
    for i in range(len(offsets) - 1):
        starts[i] = at
        for piece in (COUNT, SUM):
            at = copy_text(out, at, piece, 0, len(piece))
            at = write_quoted(out, at, mantissas[number], scales[number], text, text_offsets, texts)
            text += scales[number] == NO_DECIMAL
            number += 1
        if offsets[i] < offsets[i + 1]:
            at = copy_text(out, at, BUCKETS, 0, len(BUCKETS))
        for line in range(offsets[i], offsets[i + 1]):
            if line > offsets[i]:
                out[at] = COMMA
                at += 1
            out[at] = OPEN
            out[at + 1] = ZERO + codes[line]
            at += 2
            for _ in range(3):
                out[at] = COMMA
                at = write_quoted(
                    out, at + 1, mantissas[number], scales[number], text, text_offsets, texts
                )
                text += scales[number] == NO_DECIMAL
                number += 1
            out[at] = CLOSE
            at += 1
        if offsets[i] < offsets[i + 1]:
            out[at] = CLOSE
            at += 1
        out[at] = END_BRACE
        at += 1
    starts[len(offsets) - 1] = at


@kernel
def write_mixed_series(
    out: Bytes,
    ids: Int32s,
    key_starts: Int64s,
    keys: Bytes,
    token_starts: Int64s,
    tokens: Bytes,
    offsets: Int64s,
    timestamps: Int64s,
    mantissas: Int64s,
    scales: Int8s,
    text_offsets: Int32s,
    texts: Bytes,
    objects: Int32s,
    object_starts: Int64s,
    object_texts: Bytes,
    origins: Int32s,
    origin_starts: Int64s,
    origin_objects: Bytes,
    single: bool,
) -> int:
    """Like write_series, of whole series with native histograms among their points.

    objects: for each point which histogram it is, or -1. A series tells its floats first, then its
    histograms; its replicas are those of the points in this order.
    """
    at = 0
    text = 0
    for row in range(len(offsets) - 1):
        at = copy_text(out, at, METRIC, 0, len(METRIC))
        at = write_labelset(out, at, ids[row], key_starts, keys, token_starts, tokens)
        first, end = offsets[row], offsets[row + 1]
        told = np.empty(end - first, np.int32)
        written = 0
        for native in range(2):
            count = 0
            for i in range(first, end):
                if (objects[i] >= 0) != (native == 1):
                    continue
                if count == 0:
                    at = write_points_key(out, at, native == 1, single)
                elif not single:
                    out[at] = COMMA
                    at += 1
                out[at] = OPEN
                at = write_time(out, at + 1, timestamps[i])
                out[at] = COMMA
                at += 1
                if native == 1:
                    start, stop = object_starts[objects[i]], object_starts[objects[i] + 1]
                    at = copy_text(out, at, object_texts, start, stop)
                else:
                    at = write_quoted(out, at, mantissas[i], scales[i], text, text_offsets, texts)
                    text += scales[i] == NO_DECIMAL
                out[at] = CLOSE
                at += 1
                if len(origins) > 0:
                    told[written] = origins[i]
                written += 1
                count += 1
            if count > 0 and not single:
                out[at] = CLOSE
                at += 1
        if len(origins) > 0:
            at = write_origins(out, at, told, origin_starts, origin_objects, single)
        out[at] = END_BRACE
        at += 1
    return at


@kernel
def write_points_key(out: Bytes, at: int, native: bool, single: bool) -> int:
    """The name of the member that has one or more floats or histograms."""
    if single and native:
        return copy_text(out, at, HISTOGRAM, 0, len(HISTOGRAM))
    if single:
        return copy_text(out, at, VALUE, 0, len(VALUE))
    if native:
        return copy_text(out, at, HISTOGRAMS, 0, len(HISTOGRAMS))
    return copy_text(out, at, VALUES, 0, len(VALUES))
