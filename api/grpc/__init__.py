"""The methods of services over gRPC: how a request is let in, computed and sent.

What a method answers is up to its handler, as with HTTP; turns, threads, limits and the list of
requests under way are those of the HTTP API. Begin with `serving`.
"""
