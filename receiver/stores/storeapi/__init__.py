"""The client of Thanos' StoreAPI: what is asked, and frames of series made into columns.

Requests are written field by field; what comes back in bulk is read by kernels. Begin with
`client`, then `columns`.
"""
