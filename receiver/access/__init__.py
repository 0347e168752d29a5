"""Access: who is calling, and what they may do, decided before any route is reached.

Every route has a row in the table of `rules`; a route without one stops the program. Begin with
`guard`.
"""
