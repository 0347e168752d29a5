"""The program: command line, configuration, composition root; listens, admits, decodes, distributes.

Reading order: `cli` -> `server` -> `write_handler` -> `wire`.
"""
