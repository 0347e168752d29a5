"""Reading what other processes have: a query over tenants of several processes.

Whoever accepted the query evaluates it. For the tenants of another process that one runs its own
queriers, and what they give comes as columns, on a socket or in shared memory. Begin with `view`,
then `querier` on one side and `answering` on the other.
"""
