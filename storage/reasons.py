"""The reasons why a series, a sample, a native histogram or an exemplar is not stored: one list.

A reason is a code, set by kernels beside columns; every code has one meaning, and fits an int8.
What is reported of it is a reject, which storage.refusals makes: a name, what was got, what is
allowed. Codes live in memory only: what the log keeps are positions and bodies.

A decoder marks what is to be refused and does not drop it: only the shard knows whether the series
of it was accepted, and the answer to the sender counts both. The rules for native histograms are
those of Prometheus: integer counts must add up, float counts need not, because the rounding of sums
would refuse sound histograms; no count may be below 0.
"""

# Nothing is wrong.
OK = 0
# The whole request is damaged.
CORRUPT = 1

# Of a series. One without a ref has -1 - reason in its place.
TOO_MANY_LABELS = 2
LABEL_TOO_LONG = 3
NOT_UTF8 = 4
EMPTY_NAME = 5
DUPLICATE_NAME = 6
NO_METRIC_NAME = 7
TABLE_FULL = 8
TOO_MANY_METRICS = 9
BAD_REFERENCE = 10  # of an exemplar, too

# Of an exemplar.
EXEMPLAR_TOO_LONG = 11
LABELS_INVALID = 12
SERIES_REFUSED = 13
SWITCHED_OFF = 20
TENANT_SWITCHED_OFF = 21

# Of a sample or an exemplar. Kernels count those of samples in rows from TOO_OLD on.
TOO_OLD = 16
TOO_FAR_IN_FUTURE = 17
CONFLICT = 18
SAMPLE_REASONS = (TOO_OLD, TOO_FAR_IN_FUTURE, CONFLICT)

# Of a native histogram.
SCHEMA_UNKNOWN = 32
COUNT_TOO_SMALL = 33
COUNT_MISMATCH = 34
BUCKET_NEGATIVE = 35
SPAN_OFFSET = 36
SPAN_MISMATCH = 37
BOUNDS_TOO_FEW = 38
BOUNDS_ORDER = 39
BOUNDS_INFINITE = 40
BOUNDS_NAN = 41
BOUNDS_NOT_CUSTOM = 42
CUSTOM_ZERO_COUNT = 43
CUSTOM_ZERO_THRESHOLD = 44
CUSTOM_NEGATIVE = 45
INDEX_RANGE = 46
TOO_MANY_BUCKETS = 47
COUNT_NEGATIVE = 48
ZERO_COUNT_NEGATIVE = 49

# Of a series, by the rules of its tenant.
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
