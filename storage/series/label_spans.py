"""The labels of series that are about to be registered, as spans of a buffer, and what the rules of
their tenant make of them.

Everything here is done once for a series: later requests find it by the hash of its label bytes.
"""

from dataclasses import dataclass

import numpy as np

from storage.kernels.arrays import Bools, Bytes, Int64s
from storage.labels.matchers import METRIC_NAME
from storage.options import StorageOptions
from storage.reasons import (
    DROPPED,
    EMPTY_NAME,
    LABEL_TOO_LONG,
    NO_METRIC_NAME,
    OK,
    TENANT_NAME_TOO_LONG,
    TENANT_TOO_MANY_LABELS,
    TENANT_VALUE_TOO_LONG,
    TOO_MANY_LABELS,
)
from storage.tenants.relabel import Labels, RelabelRule, relabel
from storage.tenants.rules import TenantRules


@dataclass(frozen=True, slots=True)
class Texts:
    """Texts of a buffer: starts and lengths, int64 for each. Taken by `places` they are the names
    and values of labels, in turns. Texts at different starts may be equal."""

    starts: Int64s
    lengths: Int64s
    places: Int64s | slice


@dataclass(slots=True)
class LabelSpans:
    """The label sets of n series.

    spans: int64[labels, 4], name start and length, value start and length in `buffer`, one series
    after another, each sorted by name and without empty values. counts[k]: labels of series k, 0
    where it is refused; reasons[k]: why it is (storage.series.kernels, storage.tenants.rules).
    symbols: int64[labels, 2], which symbols of the request name and value are, where it has any. In
    remote write 2.0 a request of a few bytes can name a long text a million times, so such texts
    are looked at once.
    """

    buffer: Bytes
    spans: Int64s
    counts: Int64s
    reasons: Int64s
    symbols: Int64s | None = None

    def texts(self) -> Texts:
        """The texts that names and values are, each symbol once."""
        spans = self.spans.reshape(-1, 2)
        if self.symbols is None:
            return Texts(spans[:, 0].copy(), spans[:, 1].copy(), slice(None))
        numbers = self.symbols.reshape(-1)
        used = np.zeros(int(numbers.max(initial=-1)) + 1, np.bool_)
        used[numbers] = True
        places = (np.cumsum(used) - 1)[numbers]
        found = np.empty((np.count_nonzero(used), 2), np.int64)
        found[places] = spans
        return Texts(found[:, 0].copy(), found[:, 1].copy(), places)

    def refuse(self, refused: Bools, reason: int) -> None:
        """Refuse these series, bool[n], and forget their labels."""
        self._keep(~np.repeat(refused, self.counts))
        self.reasons[refused] = reason
        self.counts[refused] = 0

    def take_off(self, owners: Bools, places: Int64s) -> None:
        """Take a label off each of the given series, bool[n]; it is at `places`."""
        kept = np.ones(len(self.spans), np.bool_)
        kept[places[owners]] = False
        self._keep(kept)
        self.counts[owners] -= 1

    def _keep(self, kept: Bools) -> None:
        self.spans = self.spans[kept]
        if self.symbols is not None:
            self.symbols = self.symbols[kept]

    def owners(self) -> Int64s:
        """The series of each label, int64[labels]."""
        return np.repeat(np.arange(len(self.counts)), self.counts)


def obey(found: LabelSpans, rules: TenantRules, options: StorageOptions) -> LabelSpans:
    """The label sets after relabelling, those refused that the limits of the tenant do not allow.

    options: the limits of all, which hold for what relabelling makes, too.
    """
    if rules.relabel:
        found = relabelled(found, rules.relabel, options)
    owners = found.owners()
    for column, allowed, reason in (
        (1, rules.name_bytes_max, TENANT_NAME_TOO_LONG),
        (3, rules.value_bytes_max, TENANT_VALUE_TOO_LONG),
    ):
        if allowed and (found.spans[:, column] > allowed).any():
            refused = np.zeros(len(found.counts), np.bool_)
            refused[owners[found.spans[:, column] > allowed]] = True
            found.refuse(refused, reason)
            owners = found.owners()
    if rules.labels_max:
        found.refuse(found.counts > rules.labels_max, TENANT_TOO_MANY_LABELS)
    return found


def relabelled(
    found: LabelSpans, rules: tuple[RelabelRule, ...], options: StorageOptions
) -> LabelSpans:
    """What the rules make of the label sets, in a buffer of its own."""
    made = ReadLabels([], [], np.zeros_like(found.counts), found.reasons.copy())
    raw, spans, end = found.buffer.tobytes(), found.spans.tolist(), 0
    for k, count in enumerate(found.counts.tolist()):
        end += count
        if found.reasons[k] != OK:
            continue
        labels = relabel(rules, texts(raw, spans[end - count : end]))
        if labels is None:
            made.reasons[k] = DROPPED
        else:
            made.add(k, labels, options)
    return made.spans()


@dataclass(slots=True)
class ReadLabels:
    """Label sets that are being put together: the texts of all labels and their lengths."""

    texts: list[bytes]
    lengths: list[int]
    counts: Int64s
    reasons: Int64s

    def add(self, k: int, labels: Labels, options: StorageOptions) -> None:
        """Take the label set of series k, or note why it is refused."""
        pairs = sorted([(name.encode(), value.encode()) for name, value in labels.items()])
        parts = [text for pair in pairs for text in pair]
        if len(pairs) > options.labels_per_series_max:
            self.reasons[k] = TOO_MANY_LABELS
        elif max(map(len, parts), default=0) > options.label_bytes_max:
            self.reasons[k] = LABEL_TOO_LONG
        elif "" in labels:
            self.reasons[k] = EMPTY_NAME
        elif METRIC_NAME not in labels:
            self.reasons[k] = NO_METRIC_NAME
        else:
            self.texts += parts
            self.lengths += map(len, parts)
            self.counts[k] = len(pairs)

    def spans(self) -> LabelSpans:
        # One byte more: kernels take the address of the buffer, which an empty one does not have.
        # A bytearray, because kernels would be compiled again for an array that is read-only.
        buffer = np.frombuffer(bytearray(b"".join((*self.texts, b"\0"))), np.uint8)
        lengths = np.array(self.lengths, np.int64)
        starts = np.cumsum(lengths) - lengths
        spans = np.stack([starts, lengths], axis=1).reshape(-1, 4)
        return LabelSpans(buffer, spans, self.counts, self.reasons)


def texts(raw: bytes, spans: list[list[int]]) -> Labels:
    """The labels of one series whose texts are valid UTF-8."""
    return {
        raw[name : name + name_length].decode(): raw[value : value + value_length].decode()
        for name, name_length, value, value_length in spans
    }
