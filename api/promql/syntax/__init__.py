"""The language: text to a checked tree, and back to text.

Errors have Prometheus' texts and positions; depth and length are limited before they cost anything.
`signatures` is the table of facts about functions. Begin with `parser`, then `nodes`.
"""
