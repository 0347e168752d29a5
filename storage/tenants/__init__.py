"""Tenants: their names, and the rules by which their series are taken.

Rules are immutable and compare by value, because the log keeps them beside the requests they were
applied to. Begin with `rules`.
"""
