"""What a select is for: a hint by which storage may answer with fewer samples.

Hints ask for nothing: a store that answers all of them with samples as they came is right.
"""

from dataclasses import dataclass
from enum import Enum


class Purpose(Enum):
    """What the samples are for, as far as it decides what downsampled data have of them."""

    VALUES = "values"  # Samples by themselves: the newest one, the first, when they were.
    RISES = "rises"  # What a counter rose by.
    RESETS = "resets"  # How often a counter was reset.
    LOWEST = "lowest"
    HIGHEST = "highest"
    TOTALS = "totals"  # Sums, and numbers of samples.
    ALL = "all"  # Each single sample: nothing that is downsampled can replace them.


@dataclass(frozen=True, slots=True)
class SelectHint:
    """counter: a fall of a value is the reset of a counter to what the samples are for.

    resolution_ms: the coarsest resolution that is wanted wherever there is one; 0: samples as they
    came. coarser: where there is nothing as fine as that left, what is coarser is better than
    nothing.
    """

    counter: bool = False
    purpose: Purpose = Purpose.VALUES
    resolution_ms: int = 0
    coarser: bool = False


NO_HINT = SelectHint()
OF_COUNTER = SelectHint(counter=True)
