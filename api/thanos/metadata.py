"""MetricMetadata: types, help texts and units of metric families.

MetricMetadataRequest    metric=1, limit=2 (-1: all, 0: none)
MetricMetadataResponse   metadata=1 {metadata=1 {name=1, entry=2 {metas=2 {type=1, help=2,
                         unit=3}}}}
"""

from collections.abc import Iterator, Mapping, Sequence

from api.endpoints.handler import Call, Job, Slot
from api.sources.queriers import QuerierSource
from api.thanos.fields import message, text
from api.thanos.requests import Fields
from api.thanos.series import AS_STORED
from storage.catalog.metadata import KINDS, Description

METADATA, ENTRY, METAS = 1, 2, 2
# A limit is an int32, which is sent as an int64.
ALL = -1


class MetadataHandlers:
    """The method over one store."""

    def __init__(self, source: QuerierSource) -> None:
        self._source = source

    def metadata(self, call: Call) -> Job:
        """Raises BadData."""
        found = Fields(call.body)
        family, limit = found.text(1), found.number(2)

        def run(turn: Slot) -> Iterator[bytes]:
            families = self._source.querier(call.tenants, AS_STORED).metadata(family)
            names = sorted(families)
            yield message(METADATA, entries(families, names if limit < 0 else names[:limit]))

        return Job(run)


def entries(families: Mapping[str, Sequence[Description]], names: Sequence[str]) -> bytes:
    return b"".join(
        message(METADATA, text(1, name) + message(ENTRY, b"".join(map(meta, families[name]))))
        for name in names
    )


def meta(described: Description) -> bytes:
    content = text(1, KINDS[described.kind]) + text(2, described.help) + text(3, described.unit)
    return message(METAS, content)
