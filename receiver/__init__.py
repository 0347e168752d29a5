"""The program: command line, settings, composition root; what listens, admits and decodes.

Meets `api` only where the program is put together. Begin with `server`, which reads as the
architecture, then `write.handler`.
"""
