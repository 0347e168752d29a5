"""The read side: the Prometheus HTTP API over the pure query engine in `api.promql`.

`web` is all that knows HTTP, but for the files in `page`: it reads a request, waits for a turn,
computes in a thread and sends what `answers` encode. `endpoints` say what is asked, `sources` where
it is read from. Never imports `receiver`, and reaches SQL only through `storage`. Begin with
`web.routes`, then `web.serving`.
"""
