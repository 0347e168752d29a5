"""Native histograms as columns.

A native histogram is sparse: a bucket is kept by its index, and only if it is not empty. With the
schema s (-4 to 8) and base = 2 ** 2 ** -s, the positive bucket i holds the observations of
(base ** (i - 1), base ** i], the negative one their mirror image. With CUSTOM_SCHEMA, bucket i has
(bounds[i - 1], bounds[i]]; the first one reaches from -Inf, the one behind the last bound to +Inf,
and there are neither negative buckets nor a zero bucket.
"""

from dataclasses import dataclass

from storage.kernels.arrays import Bools, Float64s, Int8s, Int32s, Int64s

CUSTOM_SCHEMA = -53
SCHEMA_MIN, SCHEMA_MAX = -4, 8
# What a histogram says of the one before it in its series; numbered as in remote write.
HINT_UNKNOWN, HINT_RESET, HINT_NOT_RESET, HINT_GAUGE = range(4)
# Stands in a column of histogram rows for a sample that is a float.
NO_HISTOGRAM = -1


@dataclass(frozen=True, slots=True)
class Buckets:
    """The buckets of one side of n histograms: those of i are offsets[i]:offsets[i+1].

    indexes: int32, ascending within a histogram; counts: float64, none of them zero.
    """

    offsets: Int64s
    indexes: Int32s
    counts: Float64s


@dataclass(frozen=True, slots=True)
class Bounds:
    """The custom bucket bounds of n histograms, ascending, without +Inf; none unless the schema is
    CUSTOM_SCHEMA."""

    offsets: Int64s
    values: Float64s


@dataclass(frozen=True, slots=True)
class Histograms:
    """n native histograms. Counts are floats for integer histograms too, as PromQL computes."""

    schemas: Int8s
    hints: Int8s
    counts: Float64s
    sums: Float64s  # STALE_NAN, bit for bit, makes the histogram a stale marker
    zero_thresholds: Float64s
    zero_counts: Float64s
    positive: Buckets
    negative: Buckets
    bounds: Bounds

    def __len__(self) -> int:
        return len(self.schemas)

    @property
    def bucket_count(self) -> int:
        """Buckets and custom bounds of all of them: what takes their memory."""
        return len(self.positive.counts) + len(self.negative.counts) + len(self.bounds.values)


@dataclass(frozen=True, slots=True)
class Natives:
    """The native histograms among the samples of series, or among the cells of a vector.

    rows: int32, of the shape of these: where in `histograms` each is, or NO_HISTOGRAM for a float.
    A histogram may be in several places, or in none.
    """

    histograms: Histograms
    rows: Int32s

    @property
    def mask(self) -> Bools:
        """Which of the samples or cells are histograms."""
        mask: Bools = self.rows != NO_HISTOGRAM
        return mask

    def at(self, places: Int64s | Bools | slice) -> "Natives":
        """Those of some samples, or of some rows of cells; `histograms` stays as it is."""
        return Natives(self.histograms, self.rows[places])
