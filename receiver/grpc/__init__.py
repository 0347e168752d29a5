"""The gRPC listener: its address, its TLS, and who may call.

Both follow the files of the web server; what they have that gRPC cannot do stops the start. Begin
with `listening`.
"""
