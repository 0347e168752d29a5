"""`cupola sidecar`, beside a Prometheus: its finished blocks go to a bucket, its series to queries.

What is asked of the Prometheus is in `prometheus`, what is known of it in `beside`; `shipping`
copies blocks, `source` answers queries. Begin with `command`.
"""
