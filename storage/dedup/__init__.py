"""Replica dedup: one truthful series out of the samples of several replicas.

Every window of a query gives the same merged samples, time never steps back, and a counter falls
only where a replica saw it fall. How each way decides is in docs/dedup.md. Begin with `dedup`, then
`auto`.
"""
