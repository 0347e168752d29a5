"""Where answers are read from: stores, the querier of one request, and what it is held to.

Begin with `store`, the port, then `queriers`.
"""
