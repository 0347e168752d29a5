"""The endpoints about what there is: labels, label values, series, metadata and the build."""

import platform
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import orjson

from api.answers.accept import Form, choose_form
from api.answers.chosen import encode_labelsets, encode_texts, encode_values
from api.answers.encoding import Buffer, Notes, encode_data
from api.answers.listing import warned
from api.endpoints.handler import Call, Job, Slot
from api.endpoints.label_names import unescape_label_name
from api.endpoints.queries import may_be_kept
from api.frontend.lists import Lists
from api.params import (
    MetadataParams,
    ReplicaParams,
    SeriesParams,
    metadata_params,
    series_params,
)
from api.promql.queryable import losses_of
from api.sources.queriers import QuerierSource
from api.sources.store import Querier
from storage.catalog.metadata import KINDS, Description
from storage.labels.frames import LabelFrame

# Clients derive the API's abilities from the version of the Prometheus that it is like.
PROMETHEUS_VERSION = "3.14.0"
# An answer about the labels of some series, at most `limit` things of it, 0 for all.
LabelAnswer = Callable[..., Iterator[Buffer]]
# Answers about up to so many series are kept with them.
KEPT_ROWS_MAX = 1024
# Metadata knows no replicas.
NO_REPLICAS = ReplicaParams(False, None)


class MetadataHandlers:
    """The endpoints over one store that need no engine."""

    def __init__(
        self, source: QuerierSource, lists: Lists, abilities: Mapping[str, str] | None = None
    ) -> None:
        """abilities: of which Grafana asks before it edits rules; none: it does not."""
        self._source = source
        self._lists = lists
        own = build_info(abilities or {})
        self._build_info, self._version = encode_data(own), orjson.dumps(own)

    def labels(self, call: Call) -> Job:
        """The label names of the selected series."""
        return self._job(call, series_params(call.params), "labels", names_answer)

    def label_values(self, call: Call) -> Job:
        """The values of one label of the selected series."""
        name = unescape_label_name(call.path["name"])
        answer = partial(values_answer, name=name)
        return self._job(call, series_params(call.params), ("values", name), answer)

    def series(self, call: Call) -> Job:
        """The label sets of the selected series."""
        params = series_params(call.params, required=True)
        return self._job(call, params, "series", encode_labelsets)

    def metadata(self, call: Call) -> Job:
        """The types, help texts and units of metric families."""
        params = metadata_params(call.params)

        def run(turn: Slot) -> Iterator[bytes]:
            querier = self._source.querier(call.tenants, NO_REPLICAS)
            data = metadata_data(querier.metadata(params.family), params)
            yield encode_data(data, Notes(losses_of(querier)))

        return Job(run)

    def build_info(self, call: Call) -> bytes:
        return self._build_info

    def version(self, call: Call) -> bytes:
        """The same as status/buildinfo, without an envelope."""
        return self._version

    def _job(self, call: Call, params: SeriesParams, asked: Hashable, answer: LabelAnswer) -> Job:
        """The job that answers about the labels of the selected series."""

        def run(turn: Slot) -> Iterator[Buffer]:
            querier = self._source.querier(call.tenants, params.replicas)
            if not may_be_kept(call):
                return made(querier)
            key = (asked, form, params)
            span = params.start_ms, params.end_ms
            return self._lists.answer(querier, (call.tenants, key), span, partial(made, querier))

        def made(querier: Querier) -> Iterator[Buffer]:
            labels = querier.series(*params.selection)
            losses = losses_of(querier)
            if losses and form is Form.JSON:
                return warned(answer(form, labels, limit=params.limit), losses)
            if params.limit or labels.rows > KEPT_ROWS_MAX:
                return answer(form, labels, limit=params.limit)
            key = ("answer", asked, form)
            kept = labels.once(key, lambda: b"".join(answer(form, labels, limit=0)))
            return iter([kept])

        form = choose_form(call.headers.get("Accept", ""))
        kind = kind_of((asked, form), call, params)
        return Job(run, kind=kind, headers={"Content-Type": form.content_type})


def names_answer(form: Form, labels: LabelFrame, *, limit: int) -> Iterator[Buffer]:
    return encode_texts(form, "name", list(labels.names), limit=limit)


def values_answer(form: Form, labels: LabelFrame, *, limit: int, name: str) -> Iterator[Buffer]:
    return encode_values(form, labels, name, limit=limit)


def kind_of(asked: Hashable, call: Call, params: SeriesParams) -> int:
    """What label queries have in common that cost about the same."""
    length = (params.end_ms - params.start_ms).bit_length()
    return hash((asked, call.tenants, params.matcher_sets, params.limit, params.replicas, length))


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


def build_info(abilities: Mapping[str, str]) -> dict[str, Any]:
    """What status/buildinfo returns. There are no `features` without abilities: Grafana takes a
    server for Mimir by them."""
    built = datetime.fromtimestamp(Path(__file__).stat().st_mtime, UTC)
    return {
        "version": PROMETHEUS_VERSION,
        "revision": f"cupola-{_own_version()}",
        "branch": "cupola",
        "buildUser": "",
        "buildDate": built.strftime("%Y%m%d-%H:%M:%S"),
        "goVersion": f"python{platform.python_version()}",
        **({"application": "Cupola", "features": dict(abilities)} if abilities else {}),
    }


def _own_version() -> str:
    try:
        return version("cupola")
    except PackageNotFoundError:  # run from a source tree that is not installed
        return "unknown"
