"""From the body of a request to columns, by kernels on its bytes.

No Python object is made for a sample or a label. A scanner trusts no length: it reads inside the
body or reports the byte at which it stopped. Begin with `decoder`; `scan` is what both versions
share.
"""
