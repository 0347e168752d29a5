"""Objects of Prometheus' operator, held against its own definitions.

`checking` is all there is; the definitions are those of an npm package that is made of the
operator's Go types.
"""
