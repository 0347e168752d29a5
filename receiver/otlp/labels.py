"""Labels of OpenTelemetry's metrics: attributes of data points, and what a resource adds to them.

Every series of a resource gets job (service.namespace and service.name) and instance
(service.instance.id), and the attributes of the resource that are promoted by the configuration.
The others are stored once per resource, in the series target_info.

Where labels meet: attributes of a point whose names become one are joined; they win over promoted
ones, of which the last wins; then come job and instance, the scope, and what the metric itself is.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from operator import itemgetter

from opentelemetry.proto.common.v1.common_pb2 import InstrumentationScope, KeyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

from receiver.otlp.names import STRATEGIES, label_name
from receiver.otlp.values import text_of, texts_of
from receiver.settings.options import OtlpOptions
from receiver.wire.v2.writer import Labels
from storage.labels.matchers import METRIC_NAME

SERVICE_NAME, SERVICE_NAMESPACE = "service.name", "service.namespace"
SERVICE_INSTANCE = "service.instance.id"
IDENTIFYING = (SERVICE_NAME, SERVICE_NAMESPACE, SERVICE_INSTANCE)
JOB, INSTANCE = "job", "instance"
TYPE, UNIT = "__type__", "__unit__"
SCOPE_PREFIX = "otel_scope_"
# No series may have as many labels, so a point is not even looked at further.
ATTRIBUTES_MAX = 1_000


class RefusedPoint(ValueError):
    """A data point that cannot become a sample; str() says why."""


class LabelMaker:
    """Makes the labels of one request. Names are escaped once each.

    damage: a character that stands for bytes that were no UTF-8; "": there were none. warnings:
    what was left out of labels, once each.
    """

    def __init__(self, options: OtlpOptions, damage: str = "") -> None:
        self._options = options
        self._strategy = STRATEGIES[options.translation_strategy]
        self._names: dict[str, str] = {}
        self._damage = damage
        self.warnings: dict[str, None] = {}

    def name(self, attribute: str) -> str:
        """The label of an attribute. Raises RefusedPoint."""
        name = self._names.get(attribute)
        if name is None:
            name = self._names[attribute] = label_name(self._strategy, attribute)
        if not name:
            raise RefusedPoint(f"attribute name {ascii(attribute[:100])} is no label name")
        return name

    def of_attributes(
        self, attributes: Iterable[KeyValue], ignored: Collection[str] = ()
    ) -> dict[str, str]:
        """Attributes as labels; where two have one name, or get one by escaping, the values are
        joined by a semicolon, in the order of the names. Raises RefusedPoint."""
        pairs = sorted(((pair.key, pair.value) for pair in attributes), key=itemgetter(0))
        check_number(len(pairs), "attributes")
        labels: dict[str, str] = {}
        for attribute, value in pairs:
            if attribute not in ignored and attribute != METRIC_NAME:
                name, text = self.name(attribute), text_of(value)
                before = labels.get(name)
                labels[name] = f"{before};{text}" if before else text
        return labels

    def of_target(self, attributes: Iterable[KeyValue], ignored: Collection[str]) -> dict[str, str]:
        """The attributes of a resource as labels, without those that cannot be one."""
        usable = [pair for pair in attributes if self._is_sound(pair.key, text_of(pair.value))]
        return self.of_attributes(usable, ignored)

    def promoted(self, attributes: Mapping[str, str]) -> dict[str, str]:
        """The attributes of a resource that all its series get, without those whose name can be
        no label's: they are no reason to lose the series."""
        options = self._options
        if options.promote_all:
            chosen = [name for name in attributes if name not in options.ignored_attributes]
        else:
            chosen = [name for name in attributes if name in options.promoted_attributes]
        usable = [name for name in chosen if self._has_name(name)]
        return {self.name(name): attributes[name] for name in usable}

    def of_scope(self, scope: InstrumentationScope, schema_url: str) -> dict[str, str]:
        """What a scope adds to its series, if that is configured. Its name, version and schema URL
        win over its attributes. Raises RefusedPoint."""
        if not (self._options.promote_scope and scope.name):
            return {}
        check_number(len(scope.attributes), "attributes of a scope")
        labels = {
            self.name(SCOPE_PREFIX + attribute): text
            for attribute, text in texts_of(scope.attributes).items()
        }
        own = {"name": scope.name, "version": scope.version, "schema_url": schema_url}
        return labels | {SCOPE_PREFIX + what: text for what, text in own.items()}

    def check(self, labels: Mapping[str, str]) -> None:
        """Raises RefusedPoint if a label is damaged."""
        if self._damage:
            for name, text in labels.items():
                if self._damage in name or self._damage in text:
                    raise RefusedPoint(f"the label {ascii(name[:100])} is no valid UTF-8")

    def _has_name(self, attribute: str) -> bool:
        """Whether an attribute of a resource has a label's name; warns if not."""
        try:
            self.name(attribute)
        except RefusedPoint as error:
            self._warn(error)
            return False
        return True

    def _is_sound(self, attribute: str, text: str) -> bool:
        """Whether an attribute of a resource can be a label; warns if not."""
        try:
            self.check({self.name(attribute): text})
        except RefusedPoint as error:
            self._warn(error)
            return False
        return True

    def _warn(self, error: RefusedPoint) -> None:
        self.warnings[f"attribute of a resource left out: {error}"] = None


@dataclass(frozen=True, slots=True)
class MetricLabels:
    """What the series of one metric have in common: labels of its scope, and those that say what
    it is."""

    scope: Mapping[str, str] = field(default_factory=dict)
    about: Mapping[str, str] = field(default_factory=dict)


NO_LABELS = MetricLabels()


class ResourceLabels:
    """What the series of one resource have in common."""

    def __init__(self, maker: LabelMaker, resource: Resource, options: OtlpOptions) -> None:
        """Raises RefusedPoint, for every data point of the resource."""
        self._maker = maker
        self._resource = resource
        self._keeps_identifying = options.keep_identifying
        self.attributes = texts_of(resource.attributes)
        self._promoted = maker.promoted(self.attributes)
        check_number(len(self._promoted), "promoted attributes of a resource")
        self._identity = self._identify()
        maker.check(self._identity)

    def of_point(
        self, attributes: Iterable[KeyValue], metric: MetricLabels = NO_LABELS
    ) -> dict[str, str]:
        """The labels of a data point's series, but for its name. Raises RefusedPoint."""
        labels = self._maker.of_attributes(attributes)
        for name, text in self._promoted.items():
            if not labels.get(name):
                labels[name] = text
        labels.update(self._identity)
        labels.update(metric.scope)
        labels.update(metric.about)
        self._maker.check(labels)
        return labels

    def of_target(self) -> dict[str, str] | None:
        """The labels of target_info; None if it would say nothing, or of no one.

        Raises RefusedPoint."""
        if not self.attributes.keys() - set(IDENTIFYING):
            return None
        ignored = () if self._keeps_identifying else IDENTIFYING
        labels = self._maker.of_target(self._resource.attributes, ignored)
        labels.update(self._identity)
        return labels if labels.get(JOB) or labels.get(INSTANCE) else None

    def _identify(self) -> dict[str, str]:
        """job and instance, as far as the resource has them."""
        attributes = self.attributes
        job = attributes.get(SERVICE_NAME, "")
        if SERVICE_NAME in attributes and SERVICE_NAMESPACE in attributes:
            job = f"{attributes[SERVICE_NAMESPACE]}/{job}"
        labels = {JOB: job, INSTANCE: attributes.get(SERVICE_INSTANCE, "")}
        return {name: text for name, text in labels.items() if text}


def check_number(count: int, what: str) -> None:
    """Raises RefusedPoint if there are more attributes than a series may have labels."""
    if count > ATTRIBUTES_MAX:
        raise RefusedPoint(f"{count} {what}; allowed are {ATTRIBUTES_MAX} (ATTRIBUTES_MAX)")


def named(labels: Mapping[str, str], name: str, **more: str) -> Labels:
    """Labels with a metric's name, sorted; empty ones are none."""
    everything = {**labels, **more, METRIC_NAME: name}
    return tuple(sorted((label, text) for label, text in everything.items() if text))
