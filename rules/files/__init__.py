"""Files of rules: YAML, decoded as strictly as Prometheus does, and checked with its texts.

`document` makes nodes with their places, `decoder` makes values of them and collects what does not
fit. `decoder` serves other files of the same kind too. Begin with `loader`, then `validation`.
"""
