"""Templates of labels and annotations: Go's text/template with Prometheus' functions, bounded.

Values are Python's, or one of `values` where Go's type shows in an answer; errors have Go's texts.
Nothing here reads data: `query` asks whoever expands. Begin with `expander`, then `parser` and
`execution`.
"""
