"""Answers as tables, for tools that read tables: Arrow streams and CSV, a row for each sample.

The columns are the time, one for each label, the value, and where there are some the histogram.
Tables are made in blocks, as JSON is. Begin with `points`, then `arrow`.
"""
