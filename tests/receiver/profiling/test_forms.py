"""Profiles as tools read them: each form is read back by the rules of its own."""

from __future__ import annotations

import gzip
import json
from types import CodeType

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

from receiver.profiling.forms import folded, pprof, speedscope, varint
from receiver.profiling.sampling import Profile, Weight

FILE = "/lib/site/storage/head.py"


def code_of(name: str) -> CodeType:
    made: list[CodeType] = []
    exec(compile(f"def {name}(): pass\nmade.append({name}.__code__)", FILE, "exec"), {"made": made})
    return made[0]


MAIN, WORK, WAIT = map(code_of, ("main", "work", "wait"))
PROFILE = Profile(
    1_700_000_000_000_000_000,
    10_000_000,
    2.5,
    stacks={
        ((MAIN, 3), (WORK, 7)): Weight(2, 15_000_000),
        ((MAIN, 3), (WORK, 9)): Weight(1, 1_000_500),
        ((MAIN, 4), (WAIT, 300)): Weight(250, 0),
    },
)
FIELDS = {
    "ValueType": {"type": (1, 3, 1), "unit": (2, 3, 1)},
    "Sample": {"location_id": (1, 4, 3), "value": (2, 3, 3)},
    "Line": {"function_id": (1, 4, 1), "line": (2, 3, 1)},
    "Location": {"id": (1, 4, 1), "line": (4, "Line", 3)},
    "Function": {"id": (1, 4, 1), "name": (2, 3, 1), "filename": (4, 3, 1)},
    "Profile": {
        "sample_type": (1, "ValueType", 3), "sample": (2, "Sample", 3),
        "location": (4, "Location", 3), "function": (5, "Function", 3), "string_table": (6, 9, 3),
        "time_nanos": (9, 3, 1), "duration_nanos": (10, 3, 1),
        "period_type": (11, "ValueType", 1), "period": (12, 3, 1),
    },
}  # fmt: skip


def profile_class() -> type:
    """The message of pprof's profile.proto, of which these are the fields that are written."""
    file = descriptor_pb2.FileDescriptorProto(name="profile.proto", package="p", syntax="proto3")
    for name, fields in FIELDS.items():
        message = file.message_type.add(name=name)
        for field, (number, kind, label) in fields.items():
            made = message.field.add(name=field, number=number, label=label)
            made.type = 11 if isinstance(kind, str) else kind
            if isinstance(kind, str):
                made.type_name = f".p.{kind}"
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("p.Profile"))


def test_pprof_has_both_times_of_each_stack() -> None:
    read = profile_class().FromString(gzip.decompress(pprof(PROFILE)))
    text = list(read.string_table)
    assert text[0] == ""
    assert [(text[t.type], text[t.unit]) for t in read.sample_type] == [
        ("wall", "nanoseconds"),
        ("cpu", "nanoseconds"),
    ]
    functions = {each.id: text[each.name] for each in read.function}
    places = {
        each.id: (functions[each.line[0].function_id], each.line[0].line) for each in read.location
    }
    assert 0 not in functions
    assert 0 not in places
    found = {
        tuple(places[number] for number in reversed(each.location_id)): tuple(each.value)
        for each in read.sample
    }
    main, work, wait = (f"storage/head:{name}" for name in ("main", "work", "wait"))
    assert found == {
        ((main, 3), (work, 7)): (20_000_000, 15_000_000),
        ((main, 3), (work, 9)): (10_000_000, 1_000_500),
        ((main, 4), (wait, 300)): (2_500_000_000, 0),
    }
    assert {text[each.filename] for each in read.function} == {FILE}
    about = (read.time_nanos, read.duration_nanos, read.period)
    assert about == (1_700_000_000_000_000_000, 2_500_000_000, 10_000_000)
    assert text[read.period_type.type] == "wall"


def test_speedscope_has_a_profile_of_each_time() -> None:
    document = json.loads(speedscope(PROFILE))
    frames = document["shared"]["frames"]
    assert {frame["file"] for frame in frames} == {FILE}
    busy, clock = document["profiles"]
    named = [[(frames[n]["name"], frames[n]["line"]) for n in each] for each in busy["samples"]]
    main, work, wait = (f"storage/head:{name}" for name in ("main", "work", "wait"))
    assert named == [[(main, 3), (work, 7)], [(main, 3), (work, 9)], [(main, 4), (wait, 300)]]
    assert busy["weights"] == [0.015, 0.0010005, 0.0]
    assert clock["weights"] == [0.02, 0.01, 2.5]
    assert clock["endValue"] == sum(clock["weights"])
    assert (busy["type"], busy["unit"]) == ("sampled", "seconds")


def test_folded_stacks_are_one_line_for_all_lines_of_a_function() -> None:
    assert folded(PROFILE) == b"storage/head:main;storage/head:work 16000\n"


def test_varint() -> None:
    assert [varint(n) for n in (0, 127, 128, 300)] == [b"\0", b"\x7f", b"\x80\x01", b"\xac\x02"]
