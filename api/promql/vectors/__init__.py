"""Vectors: values over all steps at once, and what moves their cells about without computing.

A vector of floats has no columns of histograms and pays nothing for them. Begin with `value`.
"""
