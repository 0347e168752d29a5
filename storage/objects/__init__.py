"""Object storage: buckets of S3, GCS, Azure or a directory, behind one small port.

Configured as Thanos is, by an objstore.yml. What lies in a bucket is of no concern here. Begin with
`store`, then `config`.
"""
