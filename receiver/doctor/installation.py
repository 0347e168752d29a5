"""What is installed, configured and stored, as far as it can be seen from outside."""

import os
import stat
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from receiver.doctor.findings import Finding, failure, ok, warning
from receiver.settings.config import Config, ConfigError, load
from receiver.version import program_version
from storage.files import LOCK_FILE, catalog_file

LIBRARIES = ("numba", "llvmlite", "numpy", "pyarrow", "duckdb", "aiohttp", "sqlalchemy")


def versions() -> Finding:
    """The program's and those of the libraries that matter most."""
    found = [f"{name} {version_of(name)}" for name in LIBRARIES]
    return ok("version", f"cupola {program_version()}, {', '.join(found)}")


def version_of(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "missing"


def configured(path: Path | None, flags: dict[str, object]) -> tuple[Config, Finding]:
    """The configuration, and what is wrong with it; the defaults where nothing can be read."""
    from receiver.server import check

    shown = str(path) if path else "no file, all defaults but for the flags"
    config = Config()
    try:
        config = load(path, flags)
        check(config)
    except ConfigError as error:
        # Without excerpts of the files, which are indented: there may be keys in them.
        lines = [line for line in str(error).splitlines() if not line.startswith(" ")]
        text = f"{shown}: {'; '.join(lines)}"
        return config, failure("configuration", text, "docs/configuration.md has every setting")
    return config, ok("configuration", shown)


def secrets(config: Config) -> list[Finding]:
    """Files with secrets that others of this machine may read."""
    settings = {
        "auth.file": config.auth.file,
        "web.config.file": config.web.config_file,
        "objstore.config-file": config.objstore.config_file,
    }
    return [
        warning(name, f"{path} can be read by every user", f"chmod o-r {path}")
        for name, path in settings.items()
        if path and os.path.exists(path) and os.stat(path).st_mode & stat.S_IROTH
    ]


def stored(data: Path) -> list[Finding]:
    """The data directory: whose it is, and of which version."""
    if not data.exists():
        return [ok("data directory", f"{data} does not exist yet; it is made at the first start")]
    found = [
        ok("data directory", f"{data}, {'in use by a server' if in_use(data) else 'not in use'}")
    ]
    if catalog_file(data).exists():
        found.append(catalog(data))
    return found


def in_use(data: Path) -> bool:
    """Whether a process has it open. Asked of the system: whoever tried to take the lock would keep
    a server out that starts just then."""
    try:
        about = os.stat(data / LOCK_FILE)
        locks = Path("/proc/locks").read_text()
    except OSError:
        return False
    name = f"{os.major(about.st_dev):02x}:{os.minor(about.st_dev):02x}:{about.st_ino}"
    return any("FLOCK" in line and name in line.split() for line in locks.splitlines())


def catalog(data: Path) -> Finding:
    """Whether this version can open what is stored."""
    import sqlite3

    from storage.catalog.migrating import newest_version

    newest = newest_version()
    # Where no server has it open, SQLite is to leave nothing beside it, either.
    uri = f"file:{catalog_file(data)}?{'mode=ro' if in_use(data) else 'immutable=1'}"
    try:
        with sqlite3.connect(uri, uri=True, timeout=5) as connection:
            (found,) = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    except (sqlite3.Error, TypeError) as error:
        advice = "restore a snapshot (docs/operating.md#backup-and-restore); keep what is there"
        return failure("catalog", f"cannot be read: {error}", advice)
    if found > newest:
        advice = "install the version that wrote it, or a newer one"
        return failure("catalog", f"format {found}, of a newer version", advice)
    if found < newest:
        advice = "take a snapshot before the first start: older versions do not open it afterwards"
        return warning("catalog", f"format {found}, to be brought to {newest}", advice)
    return ok("catalog", f"format {found}, of this version")


def kernels() -> Finding:
    """Whether a start has to compile."""
    from receiver import server, warm_up
    from storage.kernels.cache import directories
    from storage.kernels.complete import is_complete
    from storage.kernels.jit import KERNELS

    assert server is not None  # all kernels are known once it is imported
    if is_complete(KERNELS):
        return ok("kernels", "compiled")
    places = directories(warm_up.__file__)
    writable = [place for place in places if can_be_made(place)]
    if not writable:
        advice = f"make one of {', '.join(map(str, places))} writable, or set NUMBA_CACHE_DIR"
        return warning("kernels", "not compiled, and nowhere to keep them", advice)
    return warning(
        "kernels", "not compiled", "call cupola compile once, or let the first start do it"
    )


def can_be_made(place: Path) -> bool:
    while not place.exists():
        place = place.parent
    return os.access(place, os.W_OK)
