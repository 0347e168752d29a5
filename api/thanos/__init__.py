"""What Thanos' queriers ask of a store, as functions from the bytes of a request to messages.

The services are those of Thanos 0.42: Info, Store (the StoreAPI), Query, Exemplars, Metadata,
Rules, Targets. Nothing here knows gRPC: a handler is that of an HTTP endpoint, whose body is the
request and whose blocks are the messages of the answer. Messages of samples are written by kernels,
all others field by field (`fields`). Begin with `services`, then `series` and `stream`.
"""
