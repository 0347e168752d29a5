"""The types of the columns that everything is made of: arrays of one kind of number."""

import numpy as np
from numpy.typing import NDArray

Int32s = NDArray[np.int32]
Int64s = NDArray[np.int64]
Float64s = NDArray[np.float64]
Bools = NDArray[np.bool_]
Int8s = NDArray[np.int8]


Bytes = NDArray[np.uint8]
UInt64s = NDArray[np.uint64]


NO_SERIES = np.zeros(0, np.int64)
