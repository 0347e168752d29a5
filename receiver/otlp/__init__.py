"""OpenTelemetry metrics, translated to remote write 2.0 by the rules of Prometheus.

One bad point costs no other: it is refused with a reason, and the answer counts it. Begin with
`handler`, then `translation`.
"""
