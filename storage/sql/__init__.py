"""SQL over a data directory: read-only views of what is sealed, also beside a running server.

Nothing of the directory is locked or changed: the catalog is opened read-only, and segments never
change. What is newer than the last seal is in the log and not seen. Begin with `views`.
"""
