"""Labels as columns: matchers, symbols and the label frame of a set of series.

A label name or value is a symbol, a text known by its int32 code; code 0 is the empty text, which
is the same as an absent label. A frame holds one code column per label name. Columns are made from
the series' label pairs only when they are asked for, so a query pays for the labels it names.

Frames are immutable: every operation returns a new frame that shares the columns it kept.

What is derived from labels alone is made once for a frame (`once`), and a frame of stored codes may
serve several queries at a time (`in_query`), which then share what each of them derived.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Any, Protocol, TypeVar

import numpy as np

from storage.kernels.arrays import Bytes, Int32s, Int64s
from storage.kernels.stops import pieces
from storage.labels.numbering import distinct_codes, group_rows, number_codes
from storage.labels.order import order_of
from storage.labels.pairs import ROWS_AT_ONCE, LabelPairs, PickedPairs, scatter_columns

OVERLAY_CODE_MIN = 1 << 30
NO_CODE = -1
# Up to so many names are looked for one by one, without a copy of all labels of the rows.
FEW_NAMES = 3
# Up to so many texts are sorted as Python texts.
FEW_TEXTS = 256
# So many Python texts are made between two looks, which takes some 10 ms.
TEXTS_AT_ONCE = 1 << 13
# What queries ask of a frame that they share is up to them, so what is kept of it is bounded.
COLUMNS_KEPT_MAX = 64
DERIVED_KEPT_MAX = 64

T = TypeVar("T")


class SymbolSource(Protocol):
    """Where stored symbols come from. Codes are stable and below OVERLAY_CODE_MIN."""

    def text(self, code: int) -> str:
        """The text of a stored code; bytes that are not UTF-8 come as surrogate escapes."""
        ...

    def find(self, text: str) -> int:
        """The code of a text, or -1 if it is not stored."""
        ...


class NoSymbols:
    """A source that knows the empty text only, for queries over no stored data."""

    def text(self, code: int) -> str:
        assert code == 0, f"BUG: unknown symbol code {code}"
        return ""

    def find(self, text: str) -> int:
        return 0 if text == "" else -1


class Symbols:
    """The symbols of one query: the stored ones, and those the query makes up itself.

    New texts get codes from OVERLAY_CODE_MIN on, so that two codes of one query are equal exactly
    if their texts are.
    """

    def __init__(self, source: SymbolSource | None = None) -> None:
        self._source = source or NoSymbols()
        self._texts: dict[int, str] = {0: ""}
        self._codes: dict[str, int] = {"": 0}
        self._overlay_count = 0
        self._size_seen = -1  # of the source, when twins were looked for
        self._has_twins = False

    def text(self, code: int) -> str:
        text = self._texts.get(code)
        if text is None:
            text = self._texts[code] = self._source.text(code)
            self._codes.setdefault(text, code)
        return text

    def texts(self, codes: Iterable[int]) -> list[str]:
        known = self._texts.get
        if not isinstance(codes, np.ndarray):
            return [known(code) or self.text(code) for code in codes]
        found: list[str] = []
        for part in pieces(len(codes), TEXTS_AT_ONCE):
            found += [known(code) or self.text(code) for code in codes[part].tolist()]
        return found

    def in_order(self, codes: Int32s, key: Hashable = None) -> Int32s:
        """These codes, each there once, in the byte order of their texts. key: of what they are the
        values, most of which were asked for before."""
        if len(codes) > FEW_TEXTS and self.stored(codes) is not None:
            sort: Callable[..., Int32s] = self._source.in_order  # type: ignore[attr-defined]
            return sort(codes, key)
        keys = [label_sort_key(text) for text in self.texts(codes)]
        order = sorted(range(len(codes)), key=keys.__getitem__)
        return codes[np.array(order, np.int64)]

    def ranks(self, codes: Int32s) -> Int32s:
        """The place of each code, of which none is there twice, in the order of their texts, from
        1 on."""
        if len(codes) <= FEW_TEXTS or self.stored(codes) is None:
            return text_ranks(self.texts(codes))
        places = np.empty(int(codes.max()) + 1, np.int32)
        places[self.in_order(codes)] = np.arange(1, len(codes) + 1, dtype=np.int32)
        return places[codes]

    def sizes(self, codes: Int32s) -> Int64s:
        """The bytes of the texts of these codes."""
        stored = self.stored(codes)
        if stored is None:
            return np.array([len(label_sort_key(text)) for text in self.texts(codes)], np.int64)
        offsets = stored[1]
        return offsets[codes + 1] - offsets[codes]

    def stored(self, codes: Int32s) -> tuple[Bytes, Int64s] | None:
        """Where the texts of these codes lie as bytes: (arena, offsets by code); None if some of
        them are the query's own, or lie nowhere together."""
        if int(codes.max(initial=0)) >= OVERLAY_CODE_MIN:
            return None
        arena, offsets = (getattr(self._source, name, None) for name in ("arena", "offsets"))
        return None if arena is None or offsets is None else (arena, offsets)

    def code(self, text: str) -> int:
        """The code of a text, making one up for the query if need be."""
        code = self._codes.get(text)
        if code is not None:
            return code
        code = self._source.find(text)
        if code < 0:
            code = OVERLAY_CODE_MIN + self._overlay_count
            self._overlay_count += 1
            self._texts[code] = text
        self._codes[text] = code
        return code

    def have_twins(self) -> bool:
        """Whether a text that the query made a code for was stored since, and so may have two."""
        size: int = getattr(self._source, "__len__", int)()
        if size != self._size_seen and not self._has_twins:
            self._size_seen = size
            codes = list(self._codes.items())
            own = (text for text, code in codes if code >= OVERLAY_CODE_MIN)
            self._has_twins = any(self._source.find(text) >= 0 for text in own)
        return self._has_twins

    def known(self, text: str) -> int:
        """The code of a text that the query has come across, else NO_CODE."""
        return self._codes.get(text, NO_CODE)

    def code_of_name(self, name: str) -> int:
        """The code by which labels have a name, though the query made up one before the name was
        stored."""
        code = self.code(name)
        if code < OVERLAY_CODE_MIN:
            return code
        stored = self._source.find(name)
        return code if stored < 0 else stored


class LabelFrame:
    """The labels of `rows` series, one int32 code column per label name (0: absent)."""

    def __init__(
        self,
        symbols: Symbols,
        rows: int,
        columns: dict[str, Int32s] | None = None,
        pairs: LabelPairs | PickedPairs | None = None,
        *,
        hidden: frozenset[str] = frozenset(),
        derived: dict[Hashable, Any] | None = None,
    ) -> None:
        """columns override pairs; hidden names of pairs are not seen at all; derived: what is known
        of these very labels already."""
        self.symbols = symbols
        self.rows = rows
        self._columns = {} if columns is None else columns
        self._source = pairs
        self._hidden = hidden
        self._derived = {} if derived is None else derived

    @classmethod
    def from_dicts(cls, symbols: Symbols, labelsets: Sequence[dict[str, str]]) -> LabelFrame:
        """A frame of label sets given one by one; for small results and tests."""
        columns: dict[str, Int32s] = {}
        for row, labelset in enumerate(labelsets):
            for name, value in labelset.items():
                if name not in columns:
                    columns[name] = np.zeros(len(labelsets), np.int32)
                columns[name][row] = symbols.code(value)
        return cls(symbols, len(labelsets), columns)

    def in_query(self, symbols: Symbols) -> LabelFrame:
        """The same labels as another query sees them. All codes have to be stored ones."""
        return LabelFrame(
            symbols,
            self.rows,
            self._columns,
            self._source,
            hidden=self._hidden,
            derived=self._derived,
        )

    def once(self, key: Hashable, make: Callable[[], T]) -> T:
        """What make() gives, made once for all queries that see these labels. It depends on
        nothing but them and the key, holds no symbols, and is not changed any more."""
        found: T | None = self._derived.get(key)
        if found is None:
            found = make()
            if len(self._derived) >= DERIVED_KEPT_MAX:
                self._derived.clear()
            self._derived[key] = found
        return found

    def frame_once(self, key: Hashable, make: Callable[[], LabelFrame]) -> LabelFrame:
        """Like once(), for frames."""
        return self.once(key, lambda: make().in_query(NO_QUERY)).in_query(self.symbols)

    @property
    def _pairs(self) -> LabelPairs | None:
        return self._source.all() if isinstance(self._source, PickedPairs) else self._source

    @property
    def names(self) -> tuple[str, ...]:
        """The label names that some row has, in byte order."""
        return self.once("names", self._find_names)

    def _find_names(self) -> tuple[str, ...]:
        columns, source = self._columns.copy(), self._source
        found = {name for name, codes in columns.items() if codes.any()}
        if source is not None:
            stored = set(self.symbols.texts(source.name_codes())) - self._hidden - set(columns)
            if isinstance(source, PickedPairs) and source.are_columns:
                stored = {name for name in stored if self.has(name)}
            found |= stored
        return tuple(sorted(found, key=label_sort_key))

    def column(self, name: str) -> Int32s:
        """The codes of one label, int32[rows]; all 0 where no row has it. Not to be changed."""
        codes = self._columns.get(name)
        if codes is None:
            codes = np.zeros(self.rows, np.int32)
            if self._source is not None and name not in self._hidden:
                self._source.fill(self.symbols.code_of_name(name), codes)
                if len(self._columns) < COLUMNS_KEPT_MAX:
                    self._columns[name] = codes
        return codes

    def has(self, name: str) -> bool:
        """Whether some row has this label."""
        return self.once(("has", name), lambda: bool(self.column(name).any()))

    def matrix(self, names: Sequence[str]) -> Int32s:
        """The columns of `names` side by side, int32[rows, len(names)], row-major."""
        if len(set(names)) < len(names):
            distinct = list(dict.fromkeys(names))
            places = [distinct.index(name) for name in names]
            return np.ascontiguousarray(self.matrix(distinct)[:, places])
        out = np.zeros((self.rows, len(names)), np.int32)
        wanted = np.full(len(names), NO_CODE, np.int32)
        source = self._source
        few = len(names) <= FEW_NAMES or isinstance(source, PickedPairs) and source.are_columns
        for i, name in enumerate(names):
            if few or name in self._columns:
                out[:, i] = self.column(name)
            elif name not in self._hidden:
                wanted[i] = self.symbols.code_of_name(name)
        pairs = self._pairs if (wanted != NO_CODE).any() else None
        if pairs is not None:
            for part in pieces(self.rows, ROWS_AT_ONCE):
                offsets = pairs.offsets[part.start : part.stop + 1]
                scatter_columns(offsets, pairs.names, pairs.values, wanted, out[part])
        return out

    def take(self, rows: Int64s) -> LabelFrame:
        """The frame of the given rows, in their order."""
        columns = {name: codes[rows] for name, codes in self._columns.copy().items()}
        source = self._source
        if isinstance(source, LabelPairs):
            source = PickedPairs(source, rows)
        elif source is not None:
            source = source.pick(rows)
        return LabelFrame(self.symbols, len(rows), columns, source, hidden=self._hidden)

    def drop(self, names: Iterable[str]) -> LabelFrame:
        """The frame without these labels."""
        gone = frozenset(names)
        return self.frame_once(("without", gone), lambda: self._without(gone))

    def _without(self, gone: frozenset[str]) -> LabelFrame:
        columns = {name: codes for name, codes in self._columns.copy().items() if name not in gone}
        return LabelFrame(
            self.symbols, self.rows, columns, self._source, hidden=self._hidden | gone
        )

    def keep(self, names: Iterable[str]) -> LabelFrame:
        """The frame with these labels only."""
        wanted = tuple(names)
        return self.frame_once(("only", *wanted), lambda: self._only(wanted))

    def _only(self, names: Iterable[str]) -> LabelFrame:
        return LabelFrame(self.symbols, self.rows, {name: self.column(name) for name in names})

    def firsts(self, names: Sequence[str]) -> LabelFrame:
        """One row for each of the groups by these labels, with no others."""
        return self.frame_once(
            ("firsts", *names), lambda: self.keep(names).take(self.group(names)[1])
        )

    def with_column(self, name: str, codes: Int32s) -> LabelFrame:
        """The frame with one label set for every row (0 removes it)."""
        assert len(codes) == self.rows, f"BUG: {len(codes)} codes for {self.rows} rows"
        columns = self._columns | {name: codes}
        return LabelFrame(self.symbols, self.rows, columns, self._source, hidden=self._hidden)

    def group(self, names: Sequence[str]) -> tuple[Int64s, Int64s]:
        """Rows with equal labels `names`: (group number of each row, first row of each group).

        Groups are numbered in the order in which they first appear.
        """
        return self.once(("groups", *names), lambda: group_rows(self.matrix(names)))

    def labelset(self, row: int) -> dict[str, str]:
        """The labels of one row, sorted by name, without empty ones."""
        text = self.symbols.text
        codes = {name: int(self.column(name)[row]) for name in self.names}
        return {name: text(code) for name, code in codes.items() if code}

    def values_of(self, name: str) -> list[str]:
        """The distinct values of one label, in byte order, without the empty one."""
        return self.symbols.texts(self.values_in_order(name))

    def values_in_order(self, name: str) -> Int32s:
        """The codes of the distinct values of one label, in the byte order of their texts, without
        the empty one."""
        return self.once(("values", name), lambda: self._find_values(name))

    def _find_values(self, name: str) -> Int32s:
        codes = distinct_codes(self.column(name))
        return self.symbols.in_order(codes[codes != 0], name)

    def order(self) -> Int64s:
        """The rows in the order of their label sets: compared pair by pair as bytes, name before
        value, a shorter label set first where one begins the other. Stable."""
        return self.once("order", self._find_order)

    def _find_order(self) -> Int64s:
        distinct, numbers = number_codes(self.matrix(self.names))
        return order_of(numbers, self.symbols.ranks(distinct))

    def in_order(self) -> LabelFrame:
        """The frame of the rows in their order."""
        return self.frame_once("in order", lambda: self.take(self.order()))


# What frames have that are kept for later queries.
NO_QUERY = Symbols()


def text_ranks(texts: Sequence[str]) -> Int32s:
    """The place of each text in the order of all, from 1 on."""
    if "".join(texts).isascii():
        order = sorted(range(len(texts)), key=texts.__getitem__)
    else:
        order = sorted(range(len(texts)), key=lambda i: label_sort_key(texts[i]))
    ranks = np.empty(len(texts), np.int32)
    ranks[order] = np.arange(1, len(texts) + 1, dtype=np.int32)
    return ranks


def label_sort_key(text: str) -> bytes:
    """Texts are ordered by their UTF-8 bytes, which differs from Python's order only for
    escapes."""
    return text.encode("utf-8", "surrogateescape")


def empty_frame(symbols: Symbols) -> LabelFrame:
    return LabelFrame(symbols, 0)


def one_row(symbols: Symbols) -> LabelFrame:
    """A single series with no labels, as vector(1) has."""
    return LabelFrame(symbols, 1)
