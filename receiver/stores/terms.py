"""What one query asks other stores with."""

from collections.abc import Sequence
from dataclasses import dataclass

from receiver.stores.limits import AnswerLimits
from receiver.stores.metrics import StoreMetrics
from receiver.stores.waiting import Calls
from storage.errors import SourceFailed
from storage.labels.frames import LabelFrame
from storage.labels.matchers import Matcher


@dataclass(slots=True)
class Terms:
    """tenant: whose series are asked for; tenant_label: the label whose value that is, which is not
    shown; is_whole: whether all or nothing is wanted."""

    tenant: str
    tenant_label: str = ""
    is_whole: bool = False

    def matchers(self, wanted: Sequence[Matcher]) -> tuple[Matcher, ...]:
        """Those of a selector, and that of the tenant."""
        own = (Matcher(self.tenant_label, "=", self.tenant),) if self.tenant_label else ()
        return (*wanted, *own)

    def shown(self, labels: LabelFrame) -> LabelFrame:
        """Labels as queries see them."""
        return labels.drop([self.tenant_label]) if self.tenant_label else labels


@dataclass(frozen=True, slots=True)
class Asked:
    """What the questions of one query to all stores have in common. limits: of each answer."""

    terms: Terms
    limits: AnswerLimits
    calls: Calls
    metrics: StoreMetrics

    def missing(self, store: str, what: str) -> str:
        """What a store does not have, in words. Raises SourceFailed where all or nothing is
        wanted."""
        text = f"{store}: {what}"
        if self.terms.is_whole:
            self.calls.end()
            raise SourceFailed(f"{text} (partial_response=false)")
        return text
