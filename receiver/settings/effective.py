"""The configuration in force, as texts by name and as a document that can be loaded again.

Secrets in it are hidden as Prometheus hides them: passwords in URLs, and all of a setting that
holds keys.
"""

import re
from typing import Any

import yaml

from receiver.settings.config import Config, Setting, settings
from receiver.settings.kinds import render

HIDDEN = "<secret>"
SECRETS = frozenset({"objstore.config", "catalog.url"})
_PASSWORD = re.compile(r"(://[^/@:\s]*:)[^/@\s]+@")


def setting_texts(config: Config) -> dict[str, str]:
    """Every setting as it would be written in a flag."""
    return {
        name: without_secrets(render(setting.kind, value_of(config, setting)))
        for name, setting in settings().items()
    }


def document(config: Config) -> str:
    """All settings as YAML, nested by the dots of their names."""
    tree: dict[str, Any] = {}
    for name, setting in settings().items():
        *sections, key = name.split(".")
        place = tree
        for section in sections:
            place = place.setdefault(section, {})
        place[key] = plain_value(setting, value_of(config, setting))
    return yaml.safe_dump(tree, sort_keys=False, allow_unicode=True)


def value_of(config: Config, setting: Setting) -> Any:
    """What it is set to; of one that is a secret, only whether it is set."""
    value = getattr(getattr(config, setting.layer), setting.attribute)
    return HIDDEN if value and setting.name in SECRETS else value


def plain_value(setting: Setting, value: Any) -> Any:
    """What stands in the document: lists, numbers and flags as such, the rest as texts."""
    if setting.kind == "list":
        return [without_secrets(text) for text in value]
    if setting.kind in ("integer", "flag"):
        return value
    return without_secrets(render(setting.kind, value))


def without_secrets(text: str) -> str:
    return _PASSWORD.sub(rf"\g<1>{HIDDEN}@", text)
