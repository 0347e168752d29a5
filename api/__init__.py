"""The read side: the Prometheus HTTP API over the pure query engine in `api.promql`."""
