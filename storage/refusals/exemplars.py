"""Refused exemplars as data: why, how many, and the first of them.

They are counted and reported, but no reason to answer a request with an error, except for broken
references: no sender could do better the next time.
"""

from collections.abc import Callable

import numpy as np

from storage.batch import Batch, Reject
from storage.kernels.arrays import Int64s
from storage.options import StorageOptions
from storage.reasons import (
    BAD_REFERENCE,
    EXEMPLAR_TOO_LONG,
    LABELS_INVALID,
    SERIES_REFUSED,
    SWITCHED_OFF,
    TENANT_SWITCHED_OFF,
    TOO_FAR_IN_FUTURE,
    TOO_OLD,
)
from storage.refusals.samples import BAD_REFERENCE_RULE, SYMBOL_REFERENCE, label_text
from storage.samples.exemplar_kernels import EXEMPLAR_RUNES_MAX, OK
from storage.samples.exemplars import RawExemplars

RULES: dict[int, tuple[str, Callable[[StorageOptions], str]]] = {
    EXEMPLAR_TOO_LONG: (
        "exemplar_labels_too_long",
        lambda _: f"label names and values of more than {EXEMPLAR_RUNES_MAX} characters together",
    ),
    LABELS_INVALID: (
        "exemplar_labels_invalid",
        lambda _: "labels that are damaged, not UTF-8, without a name or with one name twice",
    ),
    BAD_REFERENCE: (SYMBOL_REFERENCE, lambda _: BAD_REFERENCE_RULE),
    SERIES_REFUSED: ("exemplar_series_refused", lambda _: "its series was refused"),
    TOO_OLD: (
        "exemplar_too_old",
        lambda o: f"older than allowed (storage.retention={o.retention_ms} ms)",
    ),
    TOO_FAR_IN_FUTURE: (
        "exemplar_too_far_in_future",
        lambda o: (
            f"newer than allowed (storage.creation-grace-period={o.creation_grace_period_ms} ms)"
        ),
    ),
    SWITCHED_OFF: (
        "exemplars_switched_off",
        lambda _: "none are kept (storage.exemplars.max-per-tenant=0)",
    ),
    TENANT_SWITCHED_OFF: (
        "exemplars_switched_off",
        lambda _: "none are kept (max_global_exemplars_per_user=0 in limits.file)",
    ),
}
REASONS = tuple(sorted({reason for reason, _ in RULES.values()}))


def exemplar_rejects(
    batch: Batch, raw: RawExemplars, codes: Int64s, options: StorageOptions
) -> tuple[Reject, ...]:
    """One reject for each reason; codes: what the pool says of each exemplar of the batch."""
    rejects = []
    for code in np.unique(codes[codes != OK]).tolist():
        reason, describe = RULES[code]
        first = int(np.argmax(codes == code))
        series = label_text(batch, int(raw.series[first]))
        message = (
            f"exemplar refused: {describe(options)}; first: of {series} "
            f"at {int(raw.timestamps[first])} ms"
        )
        rejects.append(Reject(reason, int(np.count_nonzero(codes == code)), message))
    return tuple(rejects)
