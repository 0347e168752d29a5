// The same for those who put their monitoring together with jsonnet:
//     (import 'mixin/mixin.libsonnet') + { _config+:: { runbookUrl: 'https://wiki.example/cupola#' } }
{
  _config+:: {
    // What the name of an alert, in small letters, is put behind.
    runbookUrl: 'docs/runbooks.md#',
  },
  local withRunbook(rule) = if 'alert' in rule then rule {
    annotations+: { runbook_url: $._config.runbookUrl + std.asciiLower(rule.alert) },
  } else rule,
  local groups(text) = [
    group { rules: std.map(withRunbook, group.rules) }
    for group in std.parseYaml(text).groups
  ],
  prometheusAlerts+:: { groups+: groups(importstr 'alerts.yml') },
  prometheusRules+:: { groups+: groups(importstr 'rules.yml') },
  grafanaDashboards+:: {
    'cupola-cluster.json': import 'dashboards/cluster.json',
    'cupola-overview.json': import 'dashboards/overview.json',
    'cupola-queries.json': import 'dashboards/queries.json',
    'cupola-replicas.json': import 'dashboards/replicas.json',
    'cupola-rules.json': import 'dashboards/rules.json',
    'cupola-storage.json': import 'dashboards/storage.json',
    'cupola-tenants.json': import 'dashboards/tenants.json',
    'cupola-writes.json': import 'dashboards/writes.json',
  },
}
