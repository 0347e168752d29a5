"""Arithmetic on native histograms: whole columns of them at a time, by rows.

Histograms of different schemas meet at the coarser one. Knows no vector and no query. Begin with
`arithmetic`.
"""
