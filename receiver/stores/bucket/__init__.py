"""A bucket of Thanos, read in place: its blocks are listed now and then, and of each only those
bytes are fetched that a query needs.

Begin with `view`, which knows the blocks, then `source`, which one query asks, then `block`. Of a
block the head of its index (symbols, and where lists of series are) is kept whole, all else in
pages.
"""
