"""Values are plain, immutable columns."""

from dataclasses import FrozenInstanceError

import numpy as np
import pytest

from api.promql.vectors.value import Scalar, Vector
from storage.labels.frames import Symbols, one_row


def test_values_cannot_be_reassigned() -> None:
    scalar = Scalar(np.zeros(1))
    with pytest.raises(FrozenInstanceError):
        scalar.values = np.ones(1)  # type: ignore[misc]


def test_a_vector_has_no_marks_by_default() -> None:
    vector = Vector(one_row(Symbols()), np.zeros((1, 1)), np.ones((1, 1), np.bool_))
    assert vector.drop_name is None
