"""The tests' own encoder and decoder of write requests."""

from tests.makers.bodies.v1 import decode, encode
from tests.makers.stored_samples import value_bits


def test_decode_gives_what_was_encoded() -> None:
    body = encode(
        [
            ({"job": "a", "__name__": "up"}, [(1_700_000_000_000, 1.0), (-5, -0.5)]),
            ({"__name__": "é"}, [(0, float("nan"))]),
        ]
    )
    up = (("__name__", "up"), ("job", "a"))
    assert list(decode(body)) == [
        (up, 1_700_000_000_000, value_bits(1.0)),
        (up, -5, value_bits(-0.5)),
        ((("__name__", "é"),), 0, 0x7FF8000000000000),
    ]
