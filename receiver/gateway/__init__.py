"""A server without a data directory: it answers from other sources alone, over HTTP and gRPC.

The program of `cupola sidecar` and of `cupola thanos-bucket serve`. Begin with `program`; `store`
is what stands in the place of a database.
"""
