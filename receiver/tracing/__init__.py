"""Which trace a request belongs to, for all that is written down about it.

Begin with `noting`.
"""
