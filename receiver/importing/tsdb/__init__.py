"""Blocks of Prometheus and of Thanos, read: their index, chunks and tombstones.

A block is a directory of files that are mapped into memory and read by kernels, many series a call.
What is damaged costs itself: a series its entry, a chunk its samples. Begin with `block`.
"""
