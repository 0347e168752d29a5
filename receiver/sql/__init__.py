"""`cupola sql`: statements on the command line, and a shell that reads them.

What there is to ask is in `storage.sql`. Begin with `command`.
"""
