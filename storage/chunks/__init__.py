"""Chunks as Prometheus encodes them: from their bits to the columns of samples, and back.

Import from blocks, remote read and the exchange with Thanos stand on it. Many chunks are decoded in
one call; a chunk whose bytes are not what they claim to be has a reason and no samples, and costs
no other. No bit behind the end of a chunk is used. Begin with `chunks`, then `floats`.
"""
