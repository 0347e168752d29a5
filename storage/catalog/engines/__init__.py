"""The databases that a catalog may be in, each as something that begins transactions.

`sqlite` is a file of the data directory, `postgresql` a server. Everything above knows only
`transactions`.
"""
