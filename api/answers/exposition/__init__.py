"""Answers in the formats of scrapes: text, OpenMetrics and protobuf, for federation.

Begin with `scrape`, the columns that are written, then `accept`, the choice of the format.
"""
