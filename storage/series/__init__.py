"""Series: from the bytes of labels to the number of a series, and from matchers back to series.

Two label sets never become one series: hashes only find candidates, and labels are compared in
full. A ref numbers a series of a shard while the program runs; an id is for ever. Begin with
`table`, then `index`.
"""
