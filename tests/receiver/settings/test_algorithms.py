"""Ways of dedup by tenant."""

from __future__ import annotations

import pytest

from receiver.settings.algorithms import pairs_of, tenant_algorithms
from receiver.settings.config import ConfigError
from receiver.settings.options import DedupOptions
from storage.dedup.algorithm import Algorithm, PairRule


def test_each_tenant_has_its_own() -> None:
    wanted = {"a": Algorithm.PENALTY, "b": Algorithm.CHAIN}
    assert tenant_algorithms(["a=penalty", "b=chain"]) == wanted
    assert tenant_algorithms([]) == {}


@pytest.mark.parametrize("texts", [["a"], ["a=b"], ["=auto"], ["a/b=auto"], ["a=auto", "a=chain"]])
def test_what_is_wrong_is_named(texts: list[str]) -> None:
    with pytest.raises(ConfigError, match=f"dedup.tenant-algorithms: got {texts[-1]!r}"):
        tenant_algorithms(texts)


def test_how_pairs_become_one() -> None:
    options = DedupOptions(
        replica_labels=("r", "s"), algorithm="chain", tenant_algorithms=("a=penalty",)
    )
    pairs = pairs_of(options)
    assert pairs("a") == PairRule(("r", "s"), Algorithm.PENALTY)
    assert pairs("b") == PairRule(("r", "s"), Algorithm.CHAIN)
