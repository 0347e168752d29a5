"""What is handed to kernels to be read."""

import numpy as np
import pytest

from storage.kernels.arrays import frozen


@pytest.mark.parametrize("step", [1, 2])
def test_frozen_arrays_are_views_that_cannot_be_written_to(step: int) -> None:
    array = np.arange(6)[::step]
    found = frozen(array)
    assert found.tolist() == array.tolist()
    assert (found.flags.c_contiguous, found.flags.writeable) == (True, False)
    assert np.shares_memory(found, array) == (step == 1)
    assert array.flags.writeable
