"""Reading: selectors over heads and segments, as one selection of columns.

A query reads a snapshot, taken of heads and segments together, and holds up no write. Begin with
`querier`, then `selection`.
"""
