"""Settings under `rules.api.`."""

from dataclasses import dataclass

from storage.options import KIB, MIB, setting


@dataclass(frozen=True, slots=True)
class RuleApiOptions:
    """Whether rules are configured over HTTP, and how many. Limits of a tenant may be lower."""

    enabled: bool = setting(
        "enabled", "flag", True, "Whether rules can be configured over HTTP, as with Mimir."
    )
    groups_max: int = setting(
        "max-groups",
        "integer",
        1_000,
        "Groups of rules that a tenant may configure over HTTP.",
        allowed=(1, 100_000),
    )
    rules_max: int = setting(
        "max-rules-per-group",
        "integer",
        1_000,
        "Rules that a group may have that is configured over HTTP.",
        allowed=(1, 100_000),
    )
    group_bytes_max: int = setting(
        "max-group-bytes",
        "bytes",
        1 * MIB,
        "Size of the largest group that is configured over HTTP.",
        allowed=(1 * KIB, 16 * MIB),
    )
