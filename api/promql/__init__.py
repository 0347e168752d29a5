"""The PromQL engine: text -> tree -> plan -> columns -> value. Pure: no HTTP, no SQL, no files.

Reading order: `engine` -> `evaluator` -> `value`; the language starts at `parser`.
"""
