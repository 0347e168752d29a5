"""Endpoints about rules: what they do, who is notified, and how they are configured over HTTP.

They know rules by the port `api.sources.rules` only. Begin with `listing`.
"""
