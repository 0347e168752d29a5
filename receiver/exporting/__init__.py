"""Export: a selection of raw samples as a file of another format.

Samples come in blocks of series of one metric and are written as they come. What a format cannot
hold is counted and reported. Begin with `command`, then `reading` and `writers`.
"""
