"""Groups of rules that are configured over HTTP, as Mimir's ruler has it, with every change kept.

A namespace stands where the file of a group stands. What is kept of a group is its YAML, written
anew: all that was given and nothing more, expressions byte for byte. Begin with `configuration`,
then `documents`.
"""
