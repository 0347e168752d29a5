"""Rules replayed over stored history, from the command line or by a server, and what they recorded
written back.

What is evaluated, and how, is up to `rules.replay`; here are the places where samples come from and
go to. Begin with `command`, then `wishes`.
"""
