"""The notifier as settings and a watched file describe it, started and stopped with the program."""

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

from prometheus_client import CollectorRegistry

from receiver.settings.config import Config, ConfigError, read_document
from receiver.settings.reloading import Reading, ReloadMetrics, WatchedFile
from receiver.version import program_version
from rules.notifying.alertmanagers import Alerting, of_document, of_urls
from rules.notifying.metrics import NotifyMetrics
from rules.notifying.notifier import AlertNotifier, ExternalLabels
from rules.notifying.options import AlertmanagerOptions

FILE_SETTING = "rules.alertmanagers.file"
NO_LABELS: ExternalLabels = lambda tenant: {}  # noqa: E731


class Notifying:
    """The notifier, and the file that says which Alertmanagers there are, None without one."""

    def __init__(
        self,
        config: Config,
        registry: CollectorRegistry,
        reloads: ReloadMetrics,
        external_labels: ExternalLabels = NO_LABELS,
    ) -> None:
        """Raises ConfigError."""
        options = config.alertmanagers
        self._fixed = urls_of(options)
        self.file = watched_file(options, reloads)
        self.notifier = AlertNotifier(
            options,
            NotifyMetrics(registry),
            user_agent=f"Cupola/{program_version()}",
            external_labels=external_labels,
        )
        if self.file is not None:
            self.file.listen(self._configure)
        self._configure(Alerting() if self.file is None else self.file.value)

    def _configure(self, found: Alerting) -> None:
        self.notifier.configure(found.joined(self._fixed))

    async def run(self) -> AsyncIterator[None]:
        self.notifier.start()
        yield
        await asyncio.to_thread(self.notifier.drain)


def check_alertmanagers(options: AlertmanagerOptions) -> None:
    """Raise ConfigError where Notifying would."""
    urls_of(options)
    if options.file:
        read_alerting(options.timeout_ms, Path(options.file))


def urls_of(options: AlertmanagerOptions) -> Alerting:
    """Raises ConfigError."""
    try:
        return of_urls(options.urls, options.timeout_ms)
    except ValueError as error:
        raise ConfigError(f"rules.alertmanagers.urls: {error}") from error


def watched_file(
    options: AlertmanagerOptions, reloads: ReloadMetrics
) -> WatchedFile[Alerting] | None:
    if not options.file:
        return None
    read = partial(read_alerting, options.timeout_ms)
    return WatchedFile(FILE_SETTING, Path(options.file), read, reloads)


def read_alerting(timeout_ms: int, path: Path) -> Reading[Alerting]:
    """The Alertmanagers of a file, and the files it names. Raises ConfigError."""
    document = read_document(path)
    try:
        alerting, files = of_document(document, path.parent, timeout_ms)
    except (ValueError, OSError) as error:
        raise ConfigError(f"{path}: {error}") from error
    return Reading(alerting, tuple(files))
