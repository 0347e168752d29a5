"""What is known of all kernels together: that they were compiled, so that none needs to be.

A mark is a file beside the kernels that lists what all kernels of the program were made of when
they had been compiled. A program whose kernels are other ones does not find itself in it.
"""

import contextlib
import fcntl
import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from numba.core.registry import cpu_target

from storage.kernels import cache
from storage.kernels.cache import BUILD, directories, places, processors, write_file
from storage.kernels.jit import Kernel
from storage.kernels.stamps import digest, stamp_of

SUFFIX = ".mark"
LOCK = "compiling.lock"


def is_complete(kernels: Iterable[Kernel], *, own_only: bool = False) -> bool:
    """Whether all of these that are part of the program were compiled for this very processor, or,
    unless own_only, for any."""
    wanted = stamps(kernels)
    made_for = processors(cpu_target.target_context.codegen())
    names = [mark_name(processor) for processor in made_for[: 1 if own_only else None]]
    return any(fits(place / name, wanted) for name in names for place in places(__file__))


def mark_complete(kernels: Iterable[Kernel]) -> bool:
    """Note that all of these are compiled for this very processor; whether that can be noted."""
    made_for = cache.processor(cpu_target.target_context.codegen())
    content = json.dumps(stamps(kernels), indent=0).encode()
    for place in directories(__file__):
        with contextlib.suppress(OSError):
            write_file(place / mark_name(made_for), content)
            return True
    return False


def stamps(kernels: Iterable[Kernel]) -> dict[str, str]:
    """What each kernel was made of, by its name."""
    return {f"{k.__module__}.{k.__qualname__}": stamp_of(k.py_func) for k in kernels}


def fits(mark: Path, wanted: dict[str, str]) -> bool:
    """Whether a mark tells of these kernels. Those that it does not know are of tests, or belong to
    a module that is imported late: they are compiled when they are called."""
    try:
        known = json.loads(mark.read_bytes())
    except (OSError, ValueError):
        return False
    return bool(known) and all(known.get(name, stamp) == stamp for name, stamp in wanted.items())


def mark_name(made_for: str) -> str:
    return f"complete-{digest(f'{BUILD} {made_for}')}{SUFFIX}"


@contextlib.contextmanager
def compiling_alone() -> Iterator[bool]:
    """Whether no other process of this installation compiles all kernels, for as long as the block
    lasts; also where that cannot be found out."""
    for place in directories(__file__):
        try:
            place.mkdir(parents=True, exist_ok=True)
            lock = os.open(place / LOCK, os.O_CREAT | os.O_RDWR, 0o666)
        except OSError:
            continue
        try:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                yield False
            else:
                yield True
        finally:
            os.close(lock)
        return
    yield True
