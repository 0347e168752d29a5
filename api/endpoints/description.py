"""The endpoints that describe the API: the document of OpenAPI, as JSON and as YAML."""

from collections.abc import Callable, Iterator
from typing import Any

import yaml

from api.answers.texts import dump
from api.endpoints.handler import Call, Job, Slot

YAML = {"Content-Type": "application/yaml; charset=utf-8", "Cache-Control": "no-cache"}


class DescriptionHandlers:
    """The endpoints over one document. describe: makes it, when it is asked for."""

    def __init__(self, describe: Callable[[], dict[str, Any]]) -> None:
        self._describe = describe

    def json(self, call: Call) -> bytes:
        """The document of OpenAPI."""
        return dump(self._describe())

    def yaml(self, call: Call) -> Job:
        """The document of OpenAPI as YAML, as Prometheus has it."""

        def run(turn: Slot) -> Iterator[bytes]:
            yield yaml.safe_dump(self._describe(), sort_keys=False, allow_unicode=True).encode()

        return Job(run, headers=YAML)
