"""One view over several sources: what a database has, and what others have of the same series.

Each source gives series as they are stored, replica labels and all. Equal label sets become one
series, its samples are merged as those of a head and of segments are, and replicas are made one
over all sources by the same code as within one. Begin with `source`, then `querier`.
"""
