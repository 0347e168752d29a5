"""The configuration: the option classes of all layers, filled from a file and from flags.

A setting has one dotted name: in the file (nested maps or dots), as a flag, in the documentation.
Nothing here knows a single setting: names, kinds and allowed values come from the option classes.
Flags win over the file, the file over the defaults; no file is needed.
"""

import difflib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import yaml

from api.frontend.options import CacheOptions, ListOptions
from api.grpc.options import GrpcOptions
from api.promql.options import EngineOptions
from api.web.options import ApiOptions
from receiver.settings.kinds import parse_value
from receiver.settings.listen_address import parse_listen_address
from receiver.settings.options import (
    AuthOptions,
    DedupOptions,
    LimitsOptions,
    OtlpOptions,
    ProgramOptions,
    TenantOptions,
    WebOptions,
    WriteOptions,
)
from receiver.settings.stores import StoresOptions
from receiver.settings.tracing import TracingOptions
from rules.configuring.options import RuleApiOptions
from rules.notifying.options import AlertmanagerOptions
from rules.replay.limits import Limits as ReplayLimits
from rules.ruler.options import RulesOptions
from storage.catalog.options import CatalogOptions
from storage.objects.options import ObjectOptions
from storage.options import StorageOptions

FILE_BYTES_MAX = 1 << 20


class ConfigError(ValueError):
    """The configuration is not usable; one line for each problem."""


def layer(prefix: str, options: type[Any]) -> Any:
    """A field of the configuration that holds the settings under a prefix."""
    return field(default_factory=options, metadata={"prefix": prefix, "options": options})


@dataclass(frozen=True, slots=True)
class Config:
    """The settings of the whole program, all with defaults."""

    program: ProgramOptions = layer("", ProgramOptions)
    web: WebOptions = layer("web.", WebOptions)
    grpc: GrpcOptions = layer("grpc.", GrpcOptions)
    write: WriteOptions = layer("write.", WriteOptions)
    auth: AuthOptions = layer("auth.", AuthOptions)
    tenant: TenantOptions = layer("tenant.", TenantOptions)
    limits: LimitsOptions = layer("limits.", LimitsOptions)
    otlp: OtlpOptions = layer("otlp.", OtlpOptions)
    tracing: TracingOptions = layer("tracing.", TracingOptions)
    dedup: DedupOptions = layer("dedup.", DedupOptions)
    storage: StorageOptions = layer("storage.", StorageOptions)
    catalog: CatalogOptions = layer("catalog.", CatalogOptions)
    objstore: ObjectOptions = layer("objstore.", ObjectOptions)
    stores: StoresOptions = layer("stores.", StoresOptions)
    query: EngineOptions = layer("query.", EngineOptions)
    query_cache: CacheOptions = layer("query.cache.", CacheOptions)
    lists_cache: ListOptions = layer("query.lists-cache.", ListOptions)
    api: ApiOptions = layer("api.", ApiOptions)
    rule_api: RuleApiOptions = layer("rules.api.", RuleApiOptions)
    alertmanagers: AlertmanagerOptions = layer("rules.alertmanagers.", AlertmanagerOptions)
    replay: ReplayLimits = layer("rules.replay.", ReplayLimits)
    rules: RulesOptions = layer("rules.", RulesOptions)


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting: its dotted name, where its value goes and what it may be."""

    name: str
    layer: str
    attribute: str
    kind: str
    default: Any
    help: str
    allowed: tuple[Any, ...] | None


def settings() -> dict[str, Setting]:
    """All settings by name, in the order of their declaration."""
    found = {}
    for part in fields(Config):
        defaults = part.metadata["options"]()
        for option in fields(part.metadata["options"]):
            about = option.metadata
            name = part.metadata["prefix"] + about["key"]
            found[name] = Setting(
                name=name,
                layer=part.name,
                attribute=option.name,
                kind=about["kind"],
                default=getattr(defaults, option.name),
                help=about["help"],
                allowed=about.get("allowed"),
            )
    return found


def load(path: Path | None, overrides: Mapping[str, object] | None = None) -> Config:
    """The configuration of a file and of overrides by dotted name. Raises ConfigError."""
    values: dict[str, object] = read_file(path) if path is not None else {}
    return build(values | dict(overrides or {}))


def build(values: Mapping[str, object]) -> Config:
    """The configuration with these values by dotted name. Raises ConfigError."""
    known = settings()
    problems = []
    arguments: dict[str, dict[str, Any]] = {part.name: {} for part in fields(Config)}
    for name, value in values.items():
        setting = known.get(name)
        if setting is None:
            problems.append(unknown_name(name, known))
            continue
        try:
            parsed = parse_value(setting.kind, value, setting.allowed)
        except ValueError as error:
            problems.append(f"{name}: got {value!r}; allowed is {error}")
            continue
        arguments[setting.layer][setting.attribute] = parsed
    if problems:
        raise ConfigError("\n".join(problems))
    parts = {part.name: part.metadata["options"](**arguments[part.name]) for part in fields(Config)}
    config = Config(**parts)
    check_listen_address(config)
    return config


def check_listen_address(config: Config) -> None:
    try:
        parse_listen_address(config.web.listen_address)
    except ValueError as error:
        raise ConfigError(
            f"web.listen-address: got {config.web.listen_address!r}; allowed is {error}"
        ) from error


def unknown_name(name: str, known: Mapping[str, Setting]) -> str:
    """What to say about a name that is no setting: those like it, or those of its layer."""
    similar = difflib.get_close_matches(name, known, n=3, cutoff=0.7)
    if similar:
        return f"{name}: no such setting; did you mean {' or '.join(similar)}?"
    prefix = name.partition(".")[0] + "."
    listed = [other for other in known if other.startswith(prefix)] or list(known)
    return f"{name}: no such setting; allowed are {', '.join(listed)}"


def read_file(path: Path) -> dict[str, object]:
    """The values of a YAML file by dotted name. Raises ConfigError."""
    document = read_document(path)
    if document is None:
        return {}
    if not isinstance(document, dict):
        raise ConfigError(f"{path}: got {type(document).__name__}; allowed is a map of settings")
    return flatten(document)


def read_document(path: Path) -> object:
    """What a YAML file holds. Raises ConfigError."""
    try:
        with path.open("rb") as file:
            content = file.read(FILE_BYTES_MAX + 1)
        text = content.decode()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read: {error}") from error
    if len(content) > FILE_BYTES_MAX:
        raise ConfigError(f"{path}: larger than {FILE_BYTES_MAX} bytes")
    try:
        document: object = yaml.load(text, Loader=UniqueKeyLoader)
    except (yaml.YAMLError, RecursionError) as error:
        raise ConfigError(f"{path}: no valid YAML: {error}") from error
    return document


def a_map(place: str, value: object, allowed: Iterable[str] | None = None) -> Mapping[str, object]:
    """A map of a YAML document, empty where it is missing. Raises ValueError."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise ValueError(f"{place}: got {type(value).__name__}; allowed is a map")
    names = None if allowed is None else list(allowed)
    for name in value:
        if names is not None and name not in names:
            raise ValueError(f"{place}: got {name!r}; allowed are {', '.join(names)}")
    return value


def flatten(document: Mapping[object, object]) -> dict[str, object]:
    """Nested maps as dotted names. Raises ConfigError for a name that is given twice."""
    values: dict[str, object] = {}
    for name, value in leaves("", document):
        if name in values:
            raise ConfigError(f"{name}: given twice")
        values[name] = value
    return values


def leaves(prefix: str, document: Mapping[object, object]) -> Iterator[tuple[str, object]]:
    for key, value in document.items():
        name = f"{prefix}{key}"
        if isinstance(value, dict):
            yield from leaves(name + ".", value)
        elif value is not None or not is_section(name):
            yield name, value


def is_section(name: str) -> bool:
    """Whether settings begin with this name: a map of them may be empty in a file."""
    return any(known.startswith(name + ".") for known in settings())


class UniqueKeyLoader(yaml.SafeLoader):
    """A safe loader that refuses what YAML forbids and PyYAML lets pass: a key given twice."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key_node, _ in node.value:
            key = getattr(key_node, "value", None)
            if isinstance(key, str) and key in seen:
                mark = key_node.start_mark
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key!r} is given twice", mark
                )
            if isinstance(key, str):
                seen.add(key)
        return super().construct_mapping(node, deep)
