"""A write request from its head to its answer.

A 204 is sent only after every sample is durable; of a request with bad samples the good ones are
kept. What is in flight is bounded, and above the bound the answer is 503 with Retry-After. Begin
with `handler`.
"""
