"""Servers that answer remote read, such as a Prometheus without a sidecar, as stores.

Begin with `source`, then `client`.
"""
