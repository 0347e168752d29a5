"""Reading over resolutions: which of them answers which stretch of time, and all as one selection.

Stretches begin and end with windows of every resolution there is, so no sample is in two of them.
Begin with `covering`, then `mixing`.
"""
