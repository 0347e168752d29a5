"""The limit of open files becomes what the system allows."""

import resource

from receiver.web.open_files import allow_many_files


def test_the_soft_limit_becomes_the_hard_one() -> None:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    hard = before[1]
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(before[0], 256), hard))
        assert allow_many_files() == resource.getrlimit(resource.RLIMIT_NOFILE)[0] == hard
        assert allow_many_files() == hard
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
