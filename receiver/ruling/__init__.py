"""The ruler in this program: rules from files, queries and results by the ways of requests.

The ports of `rules.ruler.ports`, implemented over the database and the engine, and what the API
shows of it. Begin with `setup`.
"""
