"""The settings of the engine."""

from dataclasses import fields

from api.promql.options import EngineOptions


def test_every_setting_has_a_key_a_kind_and_a_sentence() -> None:
    for field in fields(EngineOptions):
        assert set(field.metadata) >= {"key", "kind", "help"}, field.name
        assert field.metadata["help"].endswith(".")
    keys = [field.metadata["key"] for field in fields(EngineOptions)]
    assert len(set(keys)) == len(keys)


def test_defaults_are_those_of_prometheus() -> None:
    options = EngineOptions()
    assert options.max_samples == 50_000_000
    assert options.timeout_ms == 120_000
    assert options.max_concurrency == 20
    assert options.lookback_delta_ms == 300_000
    assert options.default_evaluation_interval_ms == 60_000
