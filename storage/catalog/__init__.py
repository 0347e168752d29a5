"""The catalog: the SQL tables that say what a data directory holds.

A segment exists once its row is committed, in one transaction with the log position that follows
it. Tables change by migrations only. Begin with `catalog`, then `schema`.
"""
