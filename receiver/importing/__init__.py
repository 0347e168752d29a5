"""Import: samples of other programs, read as columns and written as remote write requests.

A source gives parts, each with the place behind it, and a target makes them durable; what is done
is remembered only then, so that a broken import goes on where it ended. Every part is bounded in
size, and a few are in flight. What is not stored is counted, with its reason. Begin with `command`,
then `run` and `parts`.
"""
