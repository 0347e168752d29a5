"""Connections: TLS, their number and their patience, and the pages that say how the program is.

`request_heads` bounds what comes before a body; `fast_lane` answers small requests before the HTTP
server sees them; `redirects` are for paths that are nearly right.
Begin with `connections`.
"""
