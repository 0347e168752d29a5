"""Which trace a request belongs to, for all that is written down about it.

`noting` is for what is written down here, `recording` sends spans to a collector where that is
configured. Begin with `noting`.
"""
