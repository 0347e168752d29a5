"""Who owns a catalog that is on a server: one process, for as long as it renews its lease.

Begin with `opening`, which takes it; `lease` renews and defends it, `installation` sees to it that
catalog and data directory belong together.
"""
