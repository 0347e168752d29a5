"""The aggregates of downsampled segments: aggregates.parquet in the place of samples.parquet.

A downsampled segment of a resolution covers a range of time, left-open, and no two of one shard and
resolution cover the same moment. Begin with `columns`, then `writer` and `reader`.
"""
