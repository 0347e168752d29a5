"""Limits of tenants: the file that states them, the gate that applies them, their page.

The file is read again when it changes; a bad one leaves the old limits in force. Begin with
`limits`.
"""
