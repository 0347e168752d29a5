"""Remote write 1.0: the messages of prometheus.WriteRequest.

Begin with `columns`, which calls the scanners in turn.
"""
