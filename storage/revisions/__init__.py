"""Revisions: which times of a tenant have been changed since when, for whoever keeps answers.

Nothing that can change what a query sees of a time may pass by without a new revision of that time.
What only moves samples to another place, such as a seal, makes none. Begin with `record`.
"""
