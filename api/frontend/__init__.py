"""The query frontend: nothing is computed twice that is known already.

    ranges    a range query out of what is kept of an earlier one, and only the rest computed
    flights   queries that are asked several times at once, computed once

An answer is what it would be without the frontend, to the bit: what is kept counts only as long as
the storage reports no change of any sample that it depends on. Begin with `ranges`.
"""
