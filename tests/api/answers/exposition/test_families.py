"""Families as protobuf, taken apart by hand."""

import math
import struct

import numpy as np

from api.answers.exposition.families import encode_families
from api.answers.exposition.scrape import Scrape
from storage.histograms.columns import HINT_GAUGE, NO_HISTOGRAM, Natives
from storage.histograms.histograms import Parts, from_parts
from storage.labels.frames import LabelFrame, Symbols
from tests.makers.bodies.v1 import fields_of, read_varint


def families(data: bytes) -> list[tuple[str, int, list[bytes]]]:
    """(name, type, metrics) of each."""
    found, at = [], 0
    while at < len(data):
        size, at = read_varint(data, at)
        fields = list(fields_of(data[at : at + size]))
        at += size
        metrics = [bytes(value) for number, value in fields if number == 4]  # type: ignore
        inner = dict(fields)
        found.append((bytes(inner[1]).decode(), int(inner[3]), metrics))  # type: ignore
    return found


def metric(data: bytes) -> tuple[dict[str, str], dict[int, object]]:
    labels: dict[str, str] = {}
    rest: dict[int, object] = {}
    for number, value in fields_of(data):
        if number == 1:
            pair = dict(fields_of(value))  # type: ignore[arg-type]
            labels[bytes(pair[1]).decode()] = bytes(pair[2]).decode()  # type: ignore[arg-type]
        else:
            rest[number] = value
    return labels, rest


def test_floats_and_histograms() -> None:
    sets = [{"__name__": name, "j": str(row)} for row, name in enumerate("baabc")]
    sets[1]["instance"] = "i"
    rows = np.array([NO_HISTOGRAM, NO_HISTOGRAM, NO_HISTOGRAM, 0, 1], np.int32)
    parts = [Parts(3, 5, 2.5, 0.5, 1, [(1, 4)]), Parts(0, 1.5, 1, hint=HINT_GAUGE)]
    labels = LabelFrame.from_dicts(Symbols(), sets)
    values = np.array([1.0, 2.0, 3.0, 2.5, 1.0])
    natives = Natives(from_parts(parts), rows)
    scrape = Scrape(labels, 1000 * np.arange(5), values, natives).in_families()
    found = families(b"".join(encode_families(scrape)))
    assert [(name, kind, len(metrics)) for name, kind, metrics in found] == [
        ("a", 3, 2),
        ("b", 3, 1),
        ("b", 4, 1),
        ("c", 5, 1),
    ]
    own, rest = metric(found[0][2][0])
    assert own == {"instance": "i", "j": "1"}
    assert (rest[5], rest[6]) == (b"\x09" + struct.pack("<d", 2.0), 1000)
    own, rest = metric(found[2][2][0])
    assert own == {"instance": "", "j": "3"}
    histogram = dict(fields_of(rest[7]))  # type: ignore[arg-type]
    assert (histogram[1], histogram[5], histogram[7], rest[6]) == (5, 6, 1, 3000)
    assert struct.unpack("<d", histogram[2]) == (2.5,)  # type: ignore[arg-type]
    assert (histogram[12], histogram[13]) == (b"\x08\x02\x10\x01", b"\x08")
    gauge = dict(fields_of(metric(found[3][2][0])[1][7]))  # type: ignore[arg-type]
    assert struct.unpack("<d", gauge[4]) == (1.5,)  # type: ignore[arg-type]


def number(data: object) -> float:
    return struct.unpack("<d", data)[0]  # type: ignore


def classic(data: bytes) -> tuple[float, float, list[tuple[float, float]]]:
    """(sum, count, (upper bound, cumulative count) of the buckets) of a classic histogram."""
    fields = list(fields_of(data))
    buckets = [dict(fields_of(value)) for field, value in fields if field == 3]  # type: ignore

    def count(message: dict[int, object]) -> float:
        return float(message[1]) if 1 in message else number(message[4])  # type: ignore

    own = dict(fields)
    return number(own[2]), count(own), [(number(each[2]), count(each)) for each in buckets]


def test_custom_buckets_are_classic_ones() -> None:
    parts = [
        Parts(-53, 9, 7.5, positive=[(0, 2), (2, 300), (3, 1)], bounds=[0.5, 1.0, 2.0]),
        Parts(-53, 1.5, 1.0, positive=[(1, 1.5)], bounds=[1.0]),
        Parts(0, 1.5, 1),
    ]
    names = [{"__name__": "a", "j": str(row)} for row in range(3)]
    natives = Natives(from_parts(parts), np.arange(3, dtype=np.int32))
    labels = LabelFrame.from_dicts(Symbols(), names)
    scrape = Scrape(labels, np.zeros(3, np.int64), np.ones(3), natives)
    found = families(b"".join(encode_families(scrape.in_families())))
    assert [(name, kind, len(metrics)) for name, kind, metrics in found] == [
        ("a", 4, 2),
        ("a", 4, 1),
    ]
    first, second = (metric(each)[1][7] for each in found[0][2])
    assert classic(first) == (7.5, 9, [(0.5, 2), (1.0, 2), (2.0, 302), (math.inf, 9)])  # type: ignore
    assert classic(second) == (1.0, 1.5, [(1.0, 0), (math.inf, 1.5)])  # type: ignore
    assert 1 in dict(fields_of(first)) and 4 in dict(fields_of(second))  # type: ignore


def test_names_are_made_plain_unless_any_will_do() -> None:
    labels = LabelFrame.from_dicts(Symbols(), [{"__name__": "a.b", "ü.x": "ü"}])
    scrape = Scrape(labels, np.zeros(1, np.int64), np.ones(1)).in_families()
    for any_names, name, label in ((False, "a_b", "__x"), (True, "a.b", "ü.x")):
        ((found, _, (content,)),) = families(b"".join(encode_families(scrape, any_names=any_names)))
        assert found == name
        assert metric(content)[0] == {"instance": "", label: "ü"}
