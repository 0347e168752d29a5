"""Answers: columns to JSON, in blocks, by kernels.

Numbers and texts are written as Go writes them, bit for bit. Begin with `encoding`.
"""
