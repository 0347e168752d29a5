"""Downsampling by age: closed windows of time get segments of aggregates beside what they are of.

It goes by the age of samples and not by the size of segments. Begin with `planner` (which windows
are due), then `sources` (what goes into their segments) and `making` (a job from end to end).
"""
