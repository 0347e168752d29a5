"""Refused exemplars are told by reason, with the first of them and the setting that governs it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from storage.options import StorageOptions
from storage.reasons import SWITCHED_OFF, TENANT_SWITCHED_OFF, TOO_FAR_IN_FUTURE, TOO_OLD
from storage.refusals.exemplars import RULES, exemplar_rejects
from tests.makers.bodies.exemplars import batch

OPTIONS = replace(StorageOptions(), retention_ms=5, creation_grace_period_ms=6)


@pytest.mark.parametrize("code", RULES)
def test_every_reason_is_told(code: int) -> None:
    made = batch([({"__name__": "a", "x": str(i)}, [], [(i, 1.0, {"id": "p"})]) for i in range(3)])
    assert made.exemplars is not None
    codes = np.array([0, code, code], np.int64)
    (reject,) = exemplar_rejects(made, made.exemplars, codes, OPTIONS)
    reason, describe = RULES[code]
    assert (reject.reason, reject.count) == (reason, 2)
    assert reject.message == (
        f'exemplar refused: {describe(OPTIONS)}; first: of {{__name__="a", x="1"}} at 1 ms'
    )
    assert exemplar_rejects(made, made.exemplars, np.zeros(3, np.int64), OPTIONS) == ()


@pytest.mark.parametrize(
    ("code", "setting"),
    [
        (TOO_OLD, "storage.retention=5 ms"),
        (TOO_FAR_IN_FUTURE, "storage.creation-grace-period=6 ms"),
        (SWITCHED_OFF, "storage.exemplars.max-per-tenant=0"),
        (TENANT_SWITCHED_OFF, "max_global_exemplars_per_user=0 in limits.file"),
    ],
)
def test_settings_are_named(code: int, setting: str) -> None:
    assert setting in RULES[code][1](OPTIONS)
