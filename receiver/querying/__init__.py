"""Queries without a server, or to one, from the command line.

A question is asked of a data directory, which is only read, or of any server with Prometheus' API;
what comes back is written in one of several forms. Begin with `command`, then `local`.
"""
