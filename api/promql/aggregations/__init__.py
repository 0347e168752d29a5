"""The aggregation operators: rows are grouped by labels once, then folded step by step.

Begin with `aggregation`; those that keep samples of their input are in `ranking`.
"""
