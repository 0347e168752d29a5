"""What is known of metric families: type, help text and unit, by tenant.

Senders repeat metadata with every request, or every minute. An entry that is known is recognised by
its hash and costs a look into a table; only new ones are read, logged and kept. Different senders
may describe a family differently, so a family has a few descriptions.

Invariants:
* Only the shard's writer adds; `lock` guards what others read.
* What was added is in the log until take_unsaved() handed it out and the catalog has it.
* A tenant has at most storage.metadata.max-families. Families that no one sent for IDLE_MS make
  room for new ones; else new ones are not kept.
"""

import sys
import threading
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from storage.batch import RawMetadata
from storage.kernels.arrays import Bools, Int32s, Int64s
from storage.labels.frames import LabelFrame
from storage.labels.matchers import METRIC_NAME
from storage.labels.numbering import distinct_codes
from storage.options import StorageOptions
from storage.series.hash_cache import HashCache

DESCRIPTIONS_PER_FAMILY_MAX = 8
FAMILY_BYTES_MAX = 1_024
IDLE_MS = 3_600_000
# Above this, and four for each family, the cache is emptied: somebody invents new spellings.
SPARE_HASHES = 1 << 16
# The number that the hashes of entries have which are not kept.
NOT_KEPT = 0

UNKNOWN, COUNTER, GAUGE, HISTOGRAM, GAUGE_HISTOGRAM, SUMMARY, INFO, STATE_SET = range(8)
# Prometheus' names of the types.
KINDS = (
    "unknown",
    "counter",
    "gauge",
    "histogram",
    "gaugehistogram",
    "summary",
    "info",
    "stateset",
)
# What the names of a family's series have behind that of the family.
SUFFIXES = {
    HISTOGRAM: ("_bucket", "_count", "_sum"),
    GAUGE_HISTOGRAM: ("_bucket", "_gcount", "_gsum"),
    SUMMARY: ("_count", "_sum"),
}


class Description(NamedTuple):
    """How a sender describes a family. kind: a number into KINDS, as in remote write."""

    kind: int
    help: str
    unit: str


class FamilyMetadata(NamedTuple):
    """All descriptions of a tenant's family, none if it is gone."""

    tenant: int
    family: str
    descriptions: tuple[Description, ...]


class Family:
    """A kept family: its place in the column of times, and its descriptions, oldest first."""

    __slots__ = ("descriptions", "number")

    def __init__(self, number: int) -> None:
        self.number = number
        self.descriptions: tuple[Description, ...] = ()


class MetadataTable:
    """The metadata of one shard's tenants."""

    def __init__(self, options: StorageOptions, *, spare_hashes: int = SPARE_HASHES) -> None:
        self._spare_hashes = spare_hashes
        self._families_max = options.metadata_families_max
        self._text_bytes_max = options.metadata_text_bytes_max
        self._lock = threading.Lock()
        self._tenants: dict[int, dict[str, Family]] = {}
        self._unsaved: set[tuple[int, str]] = set()
        self._cache = HashCache()
        self._seen_ms: Int64s = np.zeros(1, np.int64)  # by number of family; 0 is NOT_KEPT
        self._free_numbers: list[int] = []
        self._count = 0
        self._not_kept_since_ms: int | None = None
        self.revision = 0  # how often what is known has changed

    def __len__(self) -> int:
        return self._count

    # For the shard's writer.

    def fresh(self, tenant: int, raw: RawMetadata, now_ms: int) -> Int64s:
        """The positions of the entries that are not known. Notes that the others were sent."""
        since = self._not_kept_since_ms
        if since is not None and now_ms - since > IDLE_MS:  # perhaps there is room by now
            self._cache.clear()
            self._not_kept_since_ms = None
        numbers, missed = self._cache.find(tenant, raw.hash_low, raw.hash_high)
        self._seen_ms[numbers[numbers > NOT_KEPT]] = now_ms
        return missed

    def add(self, tenant: int, raw: RawMetadata, fresh: Int64s, now_ms: int) -> int:
        """Keep the entries at the positions `fresh`, but for those that are known by now; returns
        how many were not kept."""
        if not len(fresh):
            return 0
        known, missed = self._cache.find(tenant, raw.hash_low[fresh], raw.hash_high[fresh])
        self._seen_ms[known[known > NOT_KEPT]] = now_ms
        fresh = fresh[missed]
        once = np.unique(raw.hash_low[fresh], return_index=True)[1]
        positions = fresh[np.sort(once)]
        numbers = np.full(len(raw), NOT_KEPT, np.int32)
        with self._lock:
            for position in positions.tolist():
                name, description = self._read(raw, position)
                numbers[position] = self._keep(tenant, name, description, now_ms)
        if self._count * 4 + self._spare_hashes < len(self._cache) + len(positions):
            self._cache.clear()
        self._cache.add(tenant, raw.hash_low, raw.hash_high, positions, numbers)
        return int(np.count_nonzero(numbers[positions] == NOT_KEPT))

    def load(self, stored: Iterable[FamilyMetadata], now_ms: int) -> None:
        """Take over what the catalog has."""
        with self._lock:
            for tenant, name, descriptions in stored:
                family = self._family(tenant, name, now_ms)
                if family is not None:
                    family.descriptions = descriptions
            self._unsaved.clear()

    def forget(self, tenant: int) -> None:
        """Drop all that is known of a tenant's families."""
        with self._lock:
            families = self._tenants.pop(tenant, {})
            for name, family in families.items():
                self._free_numbers.append(family.number)
                self._unsaved.add((tenant, name))
            self.revision += 1
            self._count -= len(families)
            self._cache.clear()  # numbers get another meaning

    # For everyone.

    def take_unsaved(self) -> list[FamilyMetadata]:
        """The families that changed since the last call; to be put_back() if they are not saved."""
        with self._lock:
            changed, self._unsaved = self._unsaved, set()
            return [
                FamilyMetadata(tenant, name, self._descriptions(tenant, name))
                for tenant, name in sorted(changed)
            ]

    def put_back(self, unsaved: Sequence[FamilyMetadata]) -> None:
        with self._lock:
            self._unsaved.update((entry.tenant, entry.family) for entry in unsaved)

    def describe(self, tenant: int, family: str = "") -> dict[str, tuple[Description, ...]]:
        """The descriptions of a tenant's families, or of one of them."""
        with self._lock:
            families = self._tenants.get(tenant, {})
            names = [family] if family else sorted(families)
            return {name: families[name].descriptions for name in names if name in families}

    def gauges(self, tenant: int, names: Sequence[str]) -> Bools:
        """Which of the metric names are those of gauges, by all that is known."""
        with self._lock:
            families = self._tenants.get(tenant, {})
            return np.array([is_gauge(families.get(name)) for name in names], np.bool_)

    def _descriptions(self, tenant: int, name: str) -> tuple[Description, ...]:
        family = self._tenants.get(tenant, {}).get(name)
        return () if family is None else family.descriptions

    def _read(self, raw: RawMetadata, position: int) -> tuple[str, Description]:
        spans = raw.spans[position].tolist()
        texts = [raw.buffer[spans[k] : spans[k + 1]].tobytes() for k in (0, 2, 4)]
        name = decoded(texts[0], FAMILY_BYTES_MAX) if len(texts[0]) <= FAMILY_BYTES_MAX else ""
        help_text, unit = (decoded(text, self._text_bytes_max) for text in texts[1:])
        kind = int(raw.kinds[position])
        kind = kind if 0 <= kind < len(KINDS) else UNKNOWN
        if raw.named_by_series:
            name = family_of(name, kind)
        return name, Description(kind, sys.intern(help_text), sys.intern(unit))

    def _keep(self, tenant: int, name: str, description: Description, now_ms: int) -> int:
        """The number of the family that the entry is kept in, or NOT_KEPT."""
        family = self._family(tenant, name, now_ms) if name else None
        if family is None:
            self._not_kept_since_ms = self._not_kept_since_ms or now_ms
            return NOT_KEPT
        if description not in family.descriptions:
            kept = family.descriptions[1 - DESCRIPTIONS_PER_FAMILY_MAX :]
            family.descriptions = (*kept, description)
            self._unsaved.add((tenant, name))
            self.revision += 1
        self._seen_ms[family.number] = now_ms
        return family.number

    def _family(self, tenant: int, name: str, now_ms: int) -> Family | None:
        """The family of that name, made if there is room."""
        families = self._tenants.setdefault(tenant, {})
        family = families.get(name)
        if family is None:
            if len(families) >= self._families_max and not self._drop_idle(tenant, now_ms):
                return None
            family = families[sys.intern(name)] = Family(self._new_number(now_ms))
        return family

    def _new_number(self, now_ms: int) -> int:
        self._count += 1
        number = self._free_numbers.pop() if self._free_numbers else self._count
        if number >= len(self._seen_ms):
            self._seen_ms = np.concatenate([self._seen_ms, np.zeros(number, np.int64)])
        self._seen_ms[number] = now_ms
        return number

    def _drop_idle(self, tenant: int, now_ms: int) -> bool:
        """Drop all families of the tenant that no one sent for long; False: there are none."""
        families = self._tenants[tenant]
        numbers: Int32s = np.array([family.number for family in families.values()], np.int32)
        idle = self._seen_ms[numbers] < now_ms - IDLE_MS
        for name in [name for name, gone in zip(families, idle.tolist(), strict=True) if gone]:
            self._free_numbers.append(families.pop(name).number)
            self._unsaved.add((tenant, name))
            self._count -= 1
        if idle.any():
            self.revision += 1
            self._cache.clear()  # numbers get another meaning
        return bool(idle.any())


def gauge_rows(metadata: MetadataTable, tenant: int, labels: LabelFrame) -> Bools | None:
    """Which rows of a tenant's series have the name of a known gauge; None if no row has."""
    names = labels.column(METRIC_NAME)
    codes = distinct_codes(names)
    gauges = codes[metadata.gauges(tenant, labels.symbols.texts(codes.tolist()))]
    return np.isin(names, gauges) if len(gauges) else None


def is_gauge(family: Family | None) -> bool:
    if family is None or not family.descriptions:
        return False
    return all(description.kind == GAUGE for description in family.descriptions)


def family_of(series_name: str, kind: int) -> str:
    """The family that a series of this name and type belongs to."""
    for suffix in SUFFIXES.get(kind, ()):
        if series_name.endswith(suffix) and series_name != suffix:
            return series_name.removesuffix(suffix)
    return series_name


def decoded(text: bytes, bytes_max: int) -> str:
    """At most the first bytes of a text, whole characters only; damaged ones are marked. Not every
    database stores the character 0."""
    if len(text) > bytes_max:
        return text[:bytes_max].decode("utf-8", "ignore").replace("\0", "\ufffd")
    return text.decode("utf-8", "replace").replace("\0", "\ufffd")
