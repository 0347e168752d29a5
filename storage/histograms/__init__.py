"""Native histograms as columns: layout, picking and joining rows, counter resets.

Counts are floats throughout, and empty buckets are not kept. What PromQL computes with histograms
is in `api/promql/native_histograms`. Begin with `columns`, which draws the layout.
"""
