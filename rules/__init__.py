"""Recording and alerting rules: their files, their templates, what checks and evaluates them.

Stands on `storage` and the engine in `api.promql`, beside `receiver`, which puts it together. Knows
neither the HTTP API nor the program's settings. Begin with `files.loader`; the texts of labels and
annotations begin at `templates.expander`.
"""
