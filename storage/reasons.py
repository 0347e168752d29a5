"""The reasons to refuse a series, a sample, a histogram or an exemplar, as the codes of kernels."""

# Why a series was refused; kept in place of its ref as -1 - reason.
OK = 0
CORRUPT = 1
TOO_MANY_LABELS = 2
LABEL_TOO_LONG = 3
NOT_UTF8 = 4
EMPTY_NAME = 5
DUPLICATE_NAME = 6
NO_METRIC_NAME = 7
TABLE_FULL = 8
TOO_MANY_METRICS = 9
BAD_REFERENCE = 10


# Why a series was refused by the rules of its tenant; numbered on from storage.series.kernels.
TENANT_SERIES_LIMIT = 64
TENANT_TOO_MANY_LABELS = 65
TENANT_NAME_TOO_LONG = 66
TENANT_VALUE_TOO_LONG = 67
TENANT_TOO_MANY_CLUSTERS = 68
# No refusal: relabelling dropped the series, and its samples are left out as was asked for.
DROPPED = 96
DROPPED_REF = -1 - DROPPED
# No refusal either: another replica's samples of the series are kept (storage/shard/elections.py).
COPY_REF = -2 - DROPPED


# What can happen to a sample; positions in the counts and examples of append_samples.
TOO_OLD = 0
TOO_FAR_IN_FUTURE = 1
CONFLICT = 2
SAMPLE_REASONS = 3


LABELS_INVALID = 3  # after those of storage.problems
