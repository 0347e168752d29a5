"""Metrics as text, OpenMetrics and Prometheus' own format: from lines to columns.

A file is read block by block and scanned by kernels; no Python object is made for a line but for
those of metadata and of exemplars. Begin with `source`, then `lines` and `labels`.
"""
