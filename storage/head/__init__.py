"""The head: the recent samples of a shard, in memory and in the log.

Samples of a series lie in a chain of chunks of a pool; what came out of order is kept apart and
merged when it is read. A reader notes under the shard's lock where samples are and copies them
outside of it. Begin with `head`, then `pool` and `kernels`.
"""
