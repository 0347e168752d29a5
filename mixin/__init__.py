"""What watches Cupola itself: alerts, recording rules and dashboards, over its own metrics.

`alerts.yml` and `rules.yml` are files for any Prometheus or for Cupola's own rules. Dashboards are
written down shortly in `panels/`, and `render` makes of them what Grafana reads, in `dashboards/`.
"""
