"""All that is looked at, one after another: from what is cheap to what takes a second."""

from pathlib import Path

from receiver.doctor import disk, installation, machine
from receiver.doctor.findings import Finding


def examine(path: Path | None, flags: dict[str, object]) -> list[Finding]:
    """What is found with a configuration file, or without one, and with flags."""
    config, finding = installation.configured(path, flags)
    data = Path(config.storage.path)
    return [
        installation.versions(),
        finding,
        *installation.secrets(config),
        machine.clock(),
        machine.processors(),
        *machine.memory(),
        machine.open_files(),
        machine.address(config),
        *installation.stored(data),
        *disk.examined(data),
        installation.kernels(),
    ]
