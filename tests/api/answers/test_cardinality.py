"""Counts of labels, against counting one by one."""

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from api.answers.cardinality import Compared, changes, count_label, pair_count, statistics
from storage.labels.frames import LabelFrame, Symbols
from storage.read.federation import stack_frames

labelsets = st.lists(
    st.dictionaries(
        st.sampled_from(["__name__", "job", "ü"]), st.sampled_from(["a", "b", "ccc", "é"])
    ),
    max_size=30,
)


def frame(sets: list[dict[str, str]], symbols: Symbols | None = None) -> LabelFrame:
    return LabelFrame.from_dicts(symbols or Symbols(), sets)


def ordered(counts: Counter[str]) -> list[dict[str, object]]:
    pairs = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    return [{"name": name, "value": value} for name, value in pairs]


@settings(deadline=None)
@given(labelsets)
def test_statistics(sets: list[dict[str, str]]) -> None:
    found = statistics(frame(sets), limit=100)
    pairs = Counter((name, value) for labels in sets for name, value in labels.items())
    metrics = Counter(labels["__name__"] for labels in sets if "__name__" in labels)
    values = Counter(name for name, _ in pairs)
    sizes: Counter[str] = Counter()
    for (name, value), count in pairs.items():
        sizes[name] += len(value.encode()) * count
    assert found["seriesCountByMetricName"] == ordered(metrics)
    assert found["labelValueCountByLabelName"] == ordered(values)
    assert found["memoryInBytesByLabelName"] == ordered(sizes)
    joined = Counter({f"{name}={value}": count for (name, value), count in pairs.items()})
    assert found["seriesCountByLabelValuePair"] == ordered(joined)
    assert pair_count(frame(sets)) == len(pairs)


def test_limits() -> None:
    sets = [{"__name__": f"m{n}"} for n in range(5)] + [{"__name__": "m4", "x": "y"}]
    found = statistics(frame(sets), limit=1)
    assert found["seriesCountByMetricName"] == [{"name": "m4", "value": 2}]
    assert found["seriesCountByLabelValuePair"] == [{"name": "__name__=m4", "value": 2}]
    assert count_label(frame(sets), "x").series == 1


@settings(deadline=None)
@given(labelsets, labelsets)
def test_what_came_and_went(first: list[dict[str, str]], second: list[dict[str, str]]) -> None:
    symbols = Symbols()
    before, after = frame(first, symbols), frame(second, symbols)
    both = stack_frames(symbols, [before, after])
    sides = Compared(both.group(both.names)[0], before.rows)
    gone = [row for row, labels in enumerate(first) if labels not in second]
    new = [row for row, labels in enumerate(second) if labels not in first]
    assert (sides.only_first().tolist(), sides.only_second().tolist()) == (gone, new)
    counts = [Counter(labels.get("job", "") for labels in sets) for sets in (first, second)]
    for change in changes(before, after, "job", limit=10):
        own = (change["before"], change["after"])
        assert own == tuple(count[change["name"]] for count in counts)
        assert change["difference"] == own[1] - own[0]
