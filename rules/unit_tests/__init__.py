"""Unit tests of rule files, in promtool's format: series in, alerts and samples out.

The rules are evaluated by `rules.evaluation` and by the engine that answers queries, over samples
in memory. Begin with `running`, then `scene`.
"""
