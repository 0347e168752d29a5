"""The endpoints: functions from the parameters of a request to the job that answers it.

An endpoint knows no HTTP. Begin with `handler`, then `queries`.
"""
