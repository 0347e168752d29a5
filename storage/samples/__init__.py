"""Samples and exemplars as columns: the blocks that travel from storage to the engine.

Timestamps of a series ascend strictly; values are moved bit for bit and never computed with, so
stale markers and NaN payloads survive. Begin with `samples`, then `merge`.
"""
