"""Settings: what may be set, how it is written, and files that are reloaded while the program runs.

One dotted name is the key in the file, the flag and the heading in docs/configuration.md. Unknown
keys are errors. Begin with `options`, then `config`.
"""
