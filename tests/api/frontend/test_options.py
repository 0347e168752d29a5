"""The defaults of what is kept."""

from api.frontend.options import CacheOptions


def test_defaults_keep_something_for_a_while() -> None:
    options = CacheOptions()
    assert (options.bytes_max, options.tenant_bytes_max) == (256 << 20, 0)
    assert (options.age_ms, options.worthwhile_ms) == (3_600_000, 2)
