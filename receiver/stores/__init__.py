"""Other stores of the same series, asked by queries: Thanos' StoreAPI, remote read, blocks.

A store is a source of the joined querier (storage/read/joined). What a store sends is not trusted:
its series are matched again, every size and time has a limit, and whatever goes wrong costs the
query the part of that store, which a warning names. What a query has asked ends with it
(`waiting`). Begin with `view`, then `storeapi/client`.
"""
