"""What is reported of native histograms that are refused: a name, and the rule that they break."""

from storage.reasons import (
    BOUNDS_INFINITE,
    BOUNDS_NAN,
    BOUNDS_NOT_CUSTOM,
    BOUNDS_ORDER,
    BOUNDS_TOO_FEW,
    BUCKET_NEGATIVE,
    COUNT_MISMATCH,
    COUNT_NEGATIVE,
    COUNT_TOO_SMALL,
    CUSTOM_NEGATIVE,
    CUSTOM_ZERO_COUNT,
    CUSTOM_ZERO_THRESHOLD,
    INDEX_RANGE,
    SCHEMA_UNKNOWN,
    SPAN_MISMATCH,
    SPAN_OFFSET,
    TOO_MANY_BUCKETS,
    ZERO_COUNT_NEGATIVE,
)

HISTOGRAM_INVALID = "histogram_invalid"
HISTOGRAM_TOO_LARGE = "histogram_too_large"

# Of native histograms: what is reported of each reason, its name and what was got and is allowed.
HISTOGRAM_RULES: dict[int, tuple[str, str]] = {
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
        "the custom bound +Inf, which need not be stated",
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
