"""The types of the columns that everything is made of: arrays of one kind of number."""

from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

Int32s = NDArray[np.int32]
Int64s = NDArray[np.int64]
Float64s = NDArray[np.float64]
Bools = NDArray[np.bool_]
Int8s = NDArray[np.int8]


Bytes = NDArray[np.uint8]
UInt64s = NDArray[np.uint64]
Scalar = TypeVar("Scalar", bound=np.generic)


NO_SERIES = np.zeros(0, np.int64)


def frozen(array: np.ndarray[Any, np.dtype[Scalar]]) -> NDArray[Scalar]:
    """The same memory, contiguous and read only.

    For what a kernel only reads: it is compiled again for an array that may be written to.
    """
    view: NDArray[Scalar] = np.ascontiguousarray(array).view()
    view.flags.writeable = False
    return view
