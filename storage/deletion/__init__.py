"""Deletion of series: hidden at once, and taken out of the files later.

A deletion applies to exactly the segments that existed when it was asked for; heads are sealed
before, so what is written later is untouched. Begin with `deleting` (what happens when one is asked
for), then `masks` (what reads do not see) and `rewriting` (what becomes of the files).
"""
