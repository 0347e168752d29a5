"""Remote write 2.0: the messages of io.prometheus.write.v2.Request, whose texts are symbols.

A symbol is hashed and checked once a request; series refer to it by number. Begin with `columns`.
`writer` goes the other way, for protocols that are translated to 2.0 first.
"""
