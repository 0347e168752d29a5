"""The bucket: where the segments of a data directory go, and from where they can be read again.

What lies there is drawn in docs/formats/bucket.md. One process writes; the object `contents.json`
is the point from which everything follows: what it names is whole, and all there is to know. Begin
with `contents`, then `worker` (what is uploaded and deleted, and when), `places` (reading what is
only there) and `following` (a process that only reads).
"""
