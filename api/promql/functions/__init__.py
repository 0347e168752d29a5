"""The functions over instant vectors, scalars and strings.

Begin with `table`, which has each function's implementation under its name.
"""
