"""What the flags of a sidecar say, beside the settings that it shares with a server."""

from dataclasses import dataclass
from pathlib import Path

from receiver.settings.config import ConfigError, a_map, read_document
from receiver.stores.remote_read.servers import Server, entry_of


@dataclass(frozen=True, slots=True)
class SidecarOptions:
    """prometheus: where it is and how it is asked, its URL without a path of the API. Intervals are
    in seconds; ignores_durations: whether blocks are uploaded that may have been compacted; tenant:
    whose segments blocks are made to, "": they are uploaded as they are."""

    prometheus: Server
    directory: str
    config_interval_s: float = 30.0
    ship_interval_s: float = 30.0
    ignores_durations: bool = False
    tenant: str = ""


def server_of_file(url: str, file: str) -> Server:
    """A server at a URL, asked as a file says. Raises ConfigError."""
    entry: dict[str, object] = {"url": url.rstrip("/")}
    folder = Path()
    try:
        if file:
            entry = {**a_map(file, read_document(Path(file))), **entry}
            folder = Path(file).parent
        return entry_of("--prometheus.client-file", entry, folder)
    except (ValueError, OSError) as error:
        raise ConfigError(str(error).replace("--prometheus.client-file.url", "--prometheus.url")) \
            from error  # fmt: skip
