"""The bytes of samples.parquet: how its columns are written, and how they are decoded by kernels.

Nothing here knows segments or series; a file and its row groups is all there is. Begin with
`samples_file` and `groups`.
"""
