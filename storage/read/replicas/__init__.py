"""The health of HA replicas: measured by kernels, reported on request, watched as a metric.

Nothing here changes what a query answers. Begin with `health`.
"""
