"""The endpoints about what there is: labels, label values, series, metadata and the build."""

import platform
from collections.abc import Hashable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from api.answers.encoding import Buffer, encode_data, encode_labelsets, encode_texts
from api.endpoints.handler import Call, Job, Slot
from api.endpoints.label_names import unescape_label_name
from api.params import (
    MetadataParams,
    ReplicaParams,
    SeriesParams,
    metadata_params,
    series_params,
)
from api.sources.queriers import QuerierSource
from api.sources.store import Querier
from storage.catalog.metadata import KINDS, Description

# Clients derive the API's abilities from the version of the Prometheus that it is like.
PROMETHEUS_VERSION = "3.14.0"
# Metadata knows no replicas.
NO_REPLICAS = ReplicaParams(False, None)


class MetadataHandlers:
    """The endpoints over one store that need no engine."""

    def __init__(self, source: QuerierSource) -> None:
        self._source = source
        self._build_info = encode_data(build_info())

    def labels(self, call: Call) -> Job:
        """The label names of the selected series."""
        params = series_params(call.params)

        def run(turn: Slot) -> Iterator[bytes]:
            labels = self._querier(call, params).series(*params.selection)
            yield encode_texts(list(labels.names), limit=params.limit)

        return Job(run, kind=kind_of("labels", call, params))

    def label_values(self, call: Call) -> Job:
        """The values of one label of the selected series."""
        name = unescape_label_name(call.path["name"])
        params = series_params(call.params)

        def run(turn: Slot) -> Iterator[bytes]:
            labels = self._querier(call, params).series(*params.selection)
            yield encode_texts(labels.values_of(name), limit=params.limit)

        return Job(run, kind=kind_of(("values", name), call, params))

    def series(self, call: Call) -> Job:
        """The label sets of the selected series."""
        params = series_params(call.params, required=True)

        def run(turn: Slot) -> Iterator[Buffer]:
            labels = self._querier(call, params).series(*params.selection)
            yield from encode_labelsets(labels, limit=params.limit)

        return Job(run, kind=kind_of("series", call, params))

    def metadata(self, call: Call) -> Job:
        """The types, help texts and units of metric families."""
        params = metadata_params(call.params)

        def run(turn: Slot) -> Iterator[bytes]:
            querier = self._source.querier(call.tenants, NO_REPLICAS)
            yield encode_data(metadata_data(querier.metadata(params.family), params))

        return Job(run)

    def build_info(self, call: Call) -> bytes:
        return self._build_info

    def _querier(self, call: Call, params: SeriesParams) -> Querier:
        return self._source.querier(call.tenants, params.replicas)


def kind_of(asked: Hashable, call: Call, params: SeriesParams) -> Hashable:
    """What label queries have in common that cost about the same."""
    length = (params.end_ms - params.start_ms).bit_length()
    return asked, call.tenants, params.matcher_sets, params.limit, params.replicas, length


def metadata_data(
    families: Mapping[str, Sequence[Description]], params: MetadataParams
) -> dict[str, list[dict[str, str]]]:
    """What the metadata endpoint returns of the first families, by name."""
    names = sorted(families)
    if params.limit >= 0:
        names = names[: params.limit]
    per_family = params.limit_per_metric if params.limit_per_metric > 0 else None
    return {
        name: [
            {"type": KINDS[described.kind], "help": described.help, "unit": described.unit}
            for described in families[name][:per_family]
        ]
        for name in names
    }


def build_info() -> dict[str, str]:
    """What status/buildinfo returns. There are no `features`: they would announce a ruler."""
    built = datetime.fromtimestamp(Path(__file__).stat().st_mtime, UTC)
    return {
        "version": PROMETHEUS_VERSION,
        "revision": f"cupola-{_own_version()}",
        "branch": "cupola",
        "buildUser": "",
        "buildDate": built.strftime("%Y%m%d-%H:%M:%S"),
        "goVersion": f"python{platform.python_version()}",
    }


def _own_version() -> str:
    try:
        return version("cupola")
    except PackageNotFoundError:  # run from a source tree that is not installed
        return "unknown"
