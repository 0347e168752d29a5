"""The PromQL engine: text -> tree -> plan -> columns -> value. Pure: no HTTP, no SQL, no files.

A value is a frame of labels, float64[series, step] and a mask of presence: NaN is a value, absence
is the mask. An instant query is a range query of one step. Data comes through the port `queryable`.
Begin with `engine`, then `evaluator`; the language begins at `syntax.parser`.
"""
