"""The running ruler: groups of rules, evaluated when they are due, written, and kept track of.

What it stands on are ports: where groups come from, who answers queries, where results go, who is
told of alerts. It knows no HTTP and no files of its own. Threads of its own do all of it; nothing
here runs in an event loop. Begin with `ports`, then `status`.
"""
