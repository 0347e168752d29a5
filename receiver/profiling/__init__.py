"""A profile of the program while it runs, on demand: what its threads were doing, by sampling.

`sampling` looks at the stacks, `forms` writes what was seen for tools, `serving` is the endpoint.
Begin with `serving`.
"""
