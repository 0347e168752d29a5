"""Compaction: the segments of a closed window of time become one, in the background.

What is to be done is decided by a pure function, done by one thread, one job at a time, and takes
effect in one transaction of the catalog. Nothing halts it: a segment that is damaged is set aside
with its reason, what can be read of it goes on. Begin with `planner`, then `merging` (how samples
get from inputs to outputs), `compactor` (a job from end to end) and `worker` (the thread).
"""
