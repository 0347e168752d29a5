"""Access: where the bytes of segments come from, and where in their files samples lie.

Begin with `places`, then `layouts`.
"""
