"""Alerts on their way to Alertmanagers: who gets them, queues, and requests that are tried again.

Whoever evaluates rules is never held up: `Notifier.send` puts alerts into bounded queues, and a
thread with a loop of its own sends them. A queue holds the latest of each alert, so an Alertmanager
that was away learns how things are, not all that they were. Begin with `notifier`, then `sender`.
"""
