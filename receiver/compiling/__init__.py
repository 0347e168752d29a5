"""Processes that compile kernels, so that no request waits for what another one needs.

Numba compiles one kernel at a time in a process, and whoever needs another one waits. What is not
there yet is therefore compiled by processes of their own, at low priority. Begin with `workers`.
"""
