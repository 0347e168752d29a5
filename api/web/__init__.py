"""The way of a request through the API: read, wait, compute in a thread, send.

Beside `page`, the only room here that knows aiohttp. The number of requests that are computed and
that wait is bounded. Begin with `routes`, then `serving`; `quick_answers` is the way of small
requests.
"""
