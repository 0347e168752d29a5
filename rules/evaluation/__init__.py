"""One evaluation of rules, as a function of what their queries gave, the state before and the time.

Nothing here asks, writes or waits: whoever runs rules asks the queries, gives the results to
`steps`, and writes what comes out. So the running ruler, the unit tests of rule files and replay
are one algorithm. Times are integer milliseconds. Begin with `steps`, then `alerts`.
"""
