"""Rules evaluated over stored history: what they would have recorded, and when alerts would fire.

Each rule is a few range queries at its group's own times, and an alert's states are computed over
columns; only where a rule reads what it, or a later rule of its group, has written, it is evaluated
step by step. Rules see what other rules recorded in the replay, and nothing is written: that is up
to whoever asks for it. Begin with `run`, then `order` and `overlay`.
"""
