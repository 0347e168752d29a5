"""Which series of a frame pass matchers: one test per distinct value."""

from collections.abc import Sequence

import numpy as np

from storage.kernels.arrays import Bools
from storage.labels.frames import LabelFrame
from storage.labels.matchers import Matcher, text_test
from storage.labels.numbering import number_codes


def passing(labels: LabelFrame, matchers: Sequence[Matcher]) -> Bools:
    """The rows that pass all matchers; an absent label is the empty text."""
    passes = np.ones(labels.rows, np.bool_)
    for matcher in matchers:
        codes, places = number_codes(labels.column(matcher.name))
        test = text_test(matcher)
        passes &= np.array([test(text) for text in labels.symbols.texts(codes)], np.bool_)[places]
    return passes


def passing_any(labels: LabelFrame, matcher_sets: Sequence[Sequence[Matcher]]) -> Bools:
    """The rows that pass one of the sets at least; without any set, all rows do."""
    passes = np.full(labels.rows, not matcher_sets)
    for matchers in matcher_sets:
        passes |= passing(labels, matchers)
    return passes
