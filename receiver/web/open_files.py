"""The number of files the process may have open: every connection is one, and so is every segment.

The usual soft limit of 1,024 is there for programs that use select(); whoever opens as many
connections as it allows would lock all others out.
"""

import contextlib
import resource


def allow_many_files() -> int:
    """Raise the soft limit to the hard one, where the system allows that; what it is now."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    # Some systems have a hard limit that no process can really have.
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        soft = hard
    return soft
