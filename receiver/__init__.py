"""The program: command line, configuration, composition root; listens, admits, decodes.

Reading order: `cli` -> `server` -> `write_handler` -> `wire`.
"""
