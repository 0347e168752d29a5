"""Connections: TLS, their number and their patience, and the pages that say how the program is.

Begin with `connections`.
"""
