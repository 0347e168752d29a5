"""The binary operators: arithmetic, comparisons, set operators, and which rows belong together.

Begin with `binary`, then `matching`.
"""
