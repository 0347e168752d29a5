"""Labels of OpenTelemetry's metrics: attributes of data points, and what a resource adds to them.

Every series of a resource gets job (service.namespace and service.name) and instance
(service.instance.id), and the attributes of the resource that are promoted by the configuration.
The others are told once per resource, by the series target_info.
"""

from collections.abc import Collection, Iterable, Mapping

from opentelemetry.proto.common.v1.common_pb2 import InstrumentationScope, KeyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

from receiver.otlp.names import STRATEGIES, label_name
from receiver.otlp.values import texts_of
from receiver.settings.options import OtlpOptions
from receiver.wire.v2.writer import Labels
from storage.labels.matchers import METRIC_NAME

SERVICE_NAME, SERVICE_NAMESPACE = "service.name", "service.namespace"
SERVICE_INSTANCE = "service.instance.id"
IDENTIFYING = (SERVICE_NAME, SERVICE_NAMESPACE, SERVICE_INSTANCE)
JOB, INSTANCE = "job", "instance"
# No series may have as many labels, so a point is not even looked at further.
ATTRIBUTES_MAX = 1_000


class RefusedPoint(ValueError):
    """A data point that cannot become a sample; str() says why."""


class LabelMaker:
    """Makes the labels of one request. Names are escaped once each."""

    def __init__(self, options: OtlpOptions) -> None:
        self._options = options
        self._strategy = STRATEGIES[options.translation_strategy]
        self._names: dict[str, str] = {}

    def name(self, attribute: str) -> str:
        """The label of an attribute. Raises RefusedPoint."""
        name = self._names.get(attribute)
        if name is None:
            name = self._names[attribute] = label_name(self._strategy, attribute)
        if not name:
            raise RefusedPoint(f"attribute name {ascii(attribute[:100])} is no label name")
        return name

    def of_attributes(
        self, attributes: Iterable[KeyValue], ignored: Collection[str]
    ) -> dict[str, str]:
        """Attributes as labels; where escaping makes two names one, the values are joined by a
        semicolon, in the order of the names. Raises RefusedPoint."""
        texts = texts_of(attributes)
        if len(texts) > ATTRIBUTES_MAX:
            raise RefusedPoint(
                f"{len(texts)} attributes; allowed are {ATTRIBUTES_MAX} (ATTRIBUTES_MAX)"
            )
        labels: dict[str, str] = {}
        for attribute in sorted(texts):
            if attribute not in ignored:
                name, text = self.name(attribute), texts[attribute]
                before = labels.get(name)
                labels[name] = f"{before};{text}" if before else text
        return labels

    def promoted(self, attributes: Mapping[str, str]) -> dict[str, str]:
        """The attributes of a resource that all its series get. Raises RefusedPoint."""
        options = self._options
        if options.promote_all:
            chosen = [name for name in attributes if name not in options.ignored_attributes]
        else:
            chosen = [name for name in attributes if name in options.promoted_attributes]
        labels: dict[str, str] = {}
        for attribute in chosen:
            labels.setdefault(self.name(attribute), attributes[attribute])
        return labels

    def of_scope(self, scope: InstrumentationScope, schema_url: str) -> dict[str, str]:
        """What a scope adds to its series, if that is configured. Raises RefusedPoint."""
        if not (self._options.promote_scope and scope.name):
            return {}
        labels = {
            "otel_scope_name": scope.name,
            "otel_scope_version": scope.version,
            "otel_scope_schema_url": schema_url,
        }
        for attribute, text in texts_of(scope.attributes).items():
            labels[self.name(f"otel_scope_{attribute}")] = text
        return labels


class ResourceLabels:
    """What the series of one resource have in common."""

    def __init__(self, maker: LabelMaker, resource: Resource, options: OtlpOptions) -> None:
        """Raises RefusedPoint, for every data point of the resource."""
        self._maker = maker
        self._resource = resource
        self._keeps_identifying = options.keep_identifying
        self.attributes = texts_of(resource.attributes)
        if len(self.attributes) > ATTRIBUTES_MAX:
            raise RefusedPoint(
                f"{len(self.attributes)} attributes of a resource; allowed are {ATTRIBUTES_MAX} "
                "(ATTRIBUTES_MAX)"
            )
        self._promoted = maker.promoted(self.attributes)
        self._identity = self._identify()

    def of_point(
        self,
        attributes: Iterable[KeyValue],
        scope: Mapping[str, str],
        ignored: Collection[str] = (),
    ) -> dict[str, str]:
        """The labels of a data point's series, but for its name. Raises RefusedPoint."""
        labels = self._maker.of_attributes(attributes, ignored)
        for name, text in self._promoted.items():
            if not labels.get(name):
                labels[name] = text
        labels.update(scope)
        labels.update(self._identity)
        return labels

    def of_target(self) -> dict[str, str] | None:
        """The labels of target_info; None if it would have nothing to tell, or of nobody.

        Raises RefusedPoint."""
        if not self._identity or not self.attributes.keys() - set(IDENTIFYING):
            return None
        ignored = () if self._keeps_identifying else IDENTIFYING
        labels = self._maker.of_attributes(self._resource.attributes, ignored)
        labels.update(self._identity)
        return labels

    def _identify(self) -> dict[str, str]:
        labels = {}
        attributes = self.attributes
        if SERVICE_NAME in attributes:
            parts = [attributes.get(SERVICE_NAMESPACE), attributes[SERVICE_NAME]]
            labels[JOB] = "/".join(part for part in parts if part is not None)
        if SERVICE_INSTANCE in attributes:
            labels[INSTANCE] = attributes[SERVICE_INSTANCE]
        return labels


def named(labels: Mapping[str, str], name: str, **more: str) -> Labels:
    """Labels with a metric's name, sorted; empty ones are none."""
    everything = {**labels, **more, METRIC_NAME: name}
    return tuple(sorted((label, text) for label, text in everything.items() if text))
