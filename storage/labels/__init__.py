"""Labels: as senders write them, as flat pairs of codes, and as the columns that queries group by.

A label name or value is an int32 code of a symbol table; texts are looked at once per distinct
value, never per series. Begin with `frames`; `wire` reads the bytes of remote write 1.0.
"""
