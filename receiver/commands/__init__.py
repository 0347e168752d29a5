"""Commands that need no room of their own: restore, retention, rules, snapshot.

Each has `add_arguments` and `run`, which `receiver.cli` looks up by the command's name.
"""
