"""Answers as protobuf messages, assembled by kernels from columns.

Begin with `fields`, the parts of a message, then `samples` and `frames`, the two forms of a remote
read. Every writer puts bytes to address `out` + `at` and returns where it stopped; the caller has
made room for them and SPARE_BYTES more.
"""
