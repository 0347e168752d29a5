"""What can be wrong with one native histogram or one exemplar, as the codes of the decode kernels.

The decoder marks what is to be refused and does not drop it: only the shard knows whether the
series of it was accepted, and the answer to the sender counts both. Code 0 is sound; the codes live
in memory only. The rules are those of Prometheus: integer counts must add up, float counts need
not, because the rounding of sums would refuse sound histograms; no count may be below 0.
"""

SOUND = 0

(
    SCHEMA_UNKNOWN,
    COUNT_TOO_SMALL,
    COUNT_MISMATCH,
    BUCKET_NEGATIVE,
    SPAN_OFFSET,
    SPAN_MISMATCH,
    BOUNDS_TOO_FEW,
    BOUNDS_ORDER,
    BOUNDS_INFINITE,
    BOUNDS_NAN,
    BOUNDS_NOT_CUSTOM,
    CUSTOM_ZERO_COUNT,
    CUSTOM_ZERO_THRESHOLD,
    CUSTOM_NEGATIVE,
    INDEX_RANGE,
    TOO_MANY_BUCKETS,
    COUNT_NEGATIVE,
    ZERO_COUNT_NEGATIVE,
) = range(1, 19)

HISTOGRAM_INVALID = "histogram_invalid"
HISTOGRAM_TOO_LARGE = "histogram_too_large"

# What each code says of a histogram: the reason, and what was got and is allowed.
HISTOGRAM_PROBLEMS: dict[int, tuple[str, str]] = {
    SCHEMA_UNKNOWN: (
        HISTOGRAM_INVALID,
        "a schema that is neither -4 to 52 (exponential; from 9 on reduced to 8) nor -53 (custom)",
    ),
    COUNT_TOO_SMALL: (
        HISTOGRAM_INVALID,
        "a count below the observations in its buckets (with a sum of NaN it may be above)",
    ),
    COUNT_MISMATCH: (HISTOGRAM_INVALID, "a count other than the observations in its buckets"),
    BUCKET_NEGATIVE: (HISTOGRAM_INVALID, "a bucket with a count below 0"),
    COUNT_NEGATIVE: (HISTOGRAM_INVALID, "a count below 0"),
    ZERO_COUNT_NEGATIVE: (HISTOGRAM_INVALID, "a zero bucket with a count below 0"),
    SPAN_OFFSET: (HISTOGRAM_INVALID, "a span that begins before the end of the one before it"),
    SPAN_MISMATCH: (HISTOGRAM_INVALID, "spans of another number of buckets than it has"),
    BOUNDS_TOO_FEW: (HISTOGRAM_INVALID, "buckets behind the last of its custom bounds"),
    BOUNDS_ORDER: (HISTOGRAM_INVALID, "custom bounds that do not ascend"),
    BOUNDS_INFINITE: (
        HISTOGRAM_INVALID,
        "the custom bound +Inf, which is there untold",
    ),
    BOUNDS_NAN: (HISTOGRAM_INVALID, "a custom bound that is NaN"),
    BOUNDS_NOT_CUSTOM: (HISTOGRAM_INVALID, "custom bounds with an exponential schema"),
    CUSTOM_ZERO_COUNT: (HISTOGRAM_INVALID, "custom bounds and a zero bucket that is not empty"),
    CUSTOM_ZERO_THRESHOLD: (HISTOGRAM_INVALID, "custom bounds and a zero threshold"),
    CUSTOM_NEGATIVE: (HISTOGRAM_INVALID, "custom bounds and negative buckets or spans"),
    INDEX_RANGE: (HISTOGRAM_INVALID, "a bucket whose index has more than 32 bits"),
    TOO_MANY_BUCKETS: (
        HISTOGRAM_TOO_LARGE,
        "more buckets and custom bounds than allowed (write.max-buckets-per-histogram)",
    ),
}

SYMBOL_REFERENCE = "symbol_reference"
BAD_REFERENCE = "label references that are no pairs or point behind the request's symbols"

# Of exemplars; storage.samples.exemplar_kernels numbers on.
EXEMPLAR_BAD_REFERENCE, EXEMPLAR_TOO_LONG = 1, 2
EXEMPLAR_RUNES_MAX = 128  # of all label names and values together, as OpenMetrics says
