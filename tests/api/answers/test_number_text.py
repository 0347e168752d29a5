"""Numbers as text, against their plain twin and against Go's own answers."""

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.answers import number_text as number_kernels
from storage.kernels.arrays import Float64s, Int64s
from storage.kernels.jit import kernel
from storage.kernels.words import Place
from tests.shared import GO_GOLDEN
from tests.twins.answers import number_text, time_text

EDGES = [
    0.0,
    -0.0,
    1e-6,
    9.99e-7,
    1e-7,
    -1.5e-7,
    1e10,
    1.5e10,
    123456789012.5,
    1e15,
    -1.0000000000000002e15,
    4503599627370497.5,
    9007199254740993.0,
    1e20,
    999999999999999900000.0,
    1e21,
    -1e21,
    1.5e300,
    5e-324,
    1.7976931348623157e308,
    float("nan"),
    float("inf"),
    float("-inf"),
    0.1,
    0.30000000000000004,
    123.4567,
    0.0001,
    0.00012,
    99999999999.9999,
]
numbers = st.one_of(
    st.floats(),
    st.sampled_from(EDGES),
    st.integers(-(10**16), 10**16).map(float),
    st.tuples(st.integers(-(10**12), 10**12), st.integers(0, 8)).map(lambda p: p[0] / 10 ** p[1]),
)


@kernel
def write_all(values: Float64s, out: np.ndarray, ends: Int64s) -> None:
    text = out.ctypes.data
    at: Place = 0
    for i in range(len(values)):
        at = number_kernels.write_number(text, at, values[i])
        ends[i] = at


@kernel
def write_one_time(out: np.ndarray, time_ms: int) -> Place:
    return number_kernels.write_time(out.ctypes.data, 0, time_ms)


def write_numbers(values: list[float]) -> list[str]:
    """The texts that the kernel makes of values, which are written one behind the other."""
    array = np.array(values, np.float64)
    out, ends = np.zeros(32 * len(array) + 32, np.uint8), np.zeros(len(array) + 1, np.int64)
    write_all(array, out, ends[1:])
    text = out.tobytes()
    return [text[a:b].decode() for a, b in zip(ends, ends[1:], strict=False)]


def write_time(time_ms: int) -> str:
    out = np.zeros(64, np.uint8)
    return out[: write_one_time(out, time_ms)].tobytes().decode()


def test_numbers_are_written_as_go_writes_them() -> None:
    if not GO_GOLDEN.exists():
        pytest.skip(f"no reference data at {GO_GOLDEN}; set CUPOLA_SHARED")
    cases = json.loads(GO_GOLDEN.read_text())["floats"]
    values = [np.uint64(int(case["bits"], 16)).view(np.float64).item() for case in cases]
    assert write_numbers(values) == [case["json"] for case in cases]


@settings(deadline=None)  # the first call may compile
@given(st.lists(numbers, max_size=30))
def test_numbers_equal_the_twin(values: list[float]) -> None:
    assert write_numbers(values) == [number_text(value) for value in values]


def test_numbers_at_the_edges_equal_the_twin() -> None:
    assert write_numbers(EDGES) == [number_text(value) for value in EDGES]


@settings(deadline=None)  # the first call may compile
@given(st.lists(st.one_of(st.floats(), numbers), max_size=30))
def test_numbers_read_back_are_the_same(values: list[float]) -> None:
    read = [float(text) for text in write_numbers(values)]
    np.testing.assert_array_equal(read, values)


@pytest.mark.parametrize(
    ("time_ms", "text"),
    [
        (0, "0"),
        (1_435_781_451_781, "1435781451.781"),
        (1_435_781_451_500, "1435781451.500"),
        (1_435_781_451_000, "1435781451"),
        (1_050, "1.050"),
        (1, "0.001"),
        (-1, "-0.001"),
        (-1_500, "-1.500"),
        (-2_000, "-2"),
        (9_223_309_901_257_974_999, "9223309901257974.999"),
    ],
)
def test_times(time_ms: int, text: str) -> None:
    assert write_time(time_ms) == text == time_text(time_ms)


@settings(deadline=None)  # the first call may compile
@given(st.integers(-(2**62), 2**62))
def test_times_equal_the_twin(time_ms: int) -> None:
    assert write_time(time_ms) == time_text(time_ms)


@pytest.mark.parametrize("neighbours", [-1, 0, 1])
def test_every_power_of_two_and_its_neighbours_equal_the_twin(neighbours: int) -> None:
    """Where floats become twice as dense is where bounds are not symmetrical."""
    powers = np.ldexp(1.0, np.arange(-1074, 1024)).view(np.uint64) + np.uint64(neighbours % 2**64)
    values = powers.view(np.float64).tolist()
    assert write_numbers(values) == [number_text(value) for value in values]


def test_every_power_of_ten_and_its_neighbours_equal_the_twin() -> None:
    powers = np.array([float(f"1e{exponent}") for exponent in range(-323, 309)]).view(np.uint64)
    bits = np.concatenate([powers - np.uint64(1), powers, powers + np.uint64(1)])
    values = bits.view(np.float64).tolist()
    assert write_numbers(values) == [number_text(value) for value in values]


def test_many_random_floats_equal_the_twin() -> None:
    rng = np.random.default_rng(7)
    bits = rng.integers(0, 2**64, 20_000, dtype=np.uint64).view(np.float64)
    common = rng.random(20_000) * 10.0 ** rng.integers(-8, 24, 20_000)
    values = [v for v in np.concatenate([bits, common]).tolist() if not math.isnan(v)]
    assert write_numbers(values) == [number_text(value) for value in values]


def test_powers_of_ten_are_rounded_up_to_128_bits() -> None:
    for k in (number_kernels.POWER_MIN, -1, 0, 1, 55, 56, number_kernels.POWER_MAX):
        low, high = (int(word) for word in number_kernels.POWERS[k - number_kernels.POWER_MIN])
        power = high << 64 | low
        assert power >> 127 == 1
        exponent = ((k * 1741647) >> 19) - 127
        above = power * 2 ** max(exponent, 0) * 10 ** max(-k, 0)
        exact = 10 ** max(k, 0) * 2 ** max(-exponent, 0)
        unit = 2 ** max(exponent, 0) * 10 ** max(-k, 0)
        assert 0 <= above - exact < unit
