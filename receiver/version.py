"""The version of the program that is installed."""

from importlib.metadata import PackageNotFoundError, version


def program_version() -> str:
    """As in pyproject.toml; unknown where the program runs without having been installed."""
    try:
        return version("cupola")
    except PackageNotFoundError:
        return "unknown"
