"""The two files that say who gets in: the web configuration, and what users and tokens may do."""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

from receiver.access.grants import Grants, read_grants
from receiver.access.web_config import WebConfig, read_web_config
from receiver.settings.config import Config
from receiver.settings.reloading import ReloadMetrics, WatchedFile

OPEN_TO_ALL = WebConfig()


@dataclass(frozen=True, slots=True)
class AccessFiles:
    """The files that are configured, None for those that are not."""

    web: WatchedFile[WebConfig] | None
    auth: WatchedFile[Grants] | None

    @classmethod
    def open(cls, config: Config, metrics: ReloadMetrics) -> Self:
        """Raises ConfigError."""
        web, auth = config.web.config_file, config.auth.file
        return cls(
            WatchedFile("web.config.file", Path(web), read_web_config, metrics) if web else None,
            WatchedFile("auth.file", Path(auth), read_grants, metrics) if auth else None,
        )

    @staticmethod
    def check(config: Config) -> WebConfig:
        """Raise ConfigError where open() would; the web configuration otherwise."""
        web = OPEN_TO_ALL
        if config.web.config_file:
            web = read_web_config(Path(config.web.config_file)).value
        if config.auth.file:
            read_grants(Path(config.auth.file))
        return web

    def web_config(self) -> WebConfig:
        return OPEN_TO_ALL if self.web is None else self.web.value

    def grants(self) -> Grants | None:
        return None if self.auth is None else self.auth.value
