"""Many processes that are one server: a small parent, and children that each have some shards.

Every child is the whole program. What a child is asked for and another has, it passes on to that
one (`passing`); what concerns all of them, it asks all of them for and makes one of it (`merging`).
Children meet at sockets in the data directory (`sockets`), where only the same user comes in.
Begin with `parent`, then `company`.
"""
