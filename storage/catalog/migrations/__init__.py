"""The steps from one version of the catalog's tables to the next; run when a catalog is opened.

A new step is a new module in `versions`, made from script.py.mako; steps that were released are
never changed.
"""
