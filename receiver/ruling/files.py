"""Files of rules that the program watches: read again when one changes, comes or goes."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence

from api.promql.features import Features
from receiver.settings.reloading import ReloadMetrics, fingerprint
from rules.ruler.file_sets import FileSetError, matched, read
from rules.ruler.ports import RuleSet

logger = logging.getLogger(__name__)

SETTING = "rules.files"


class WatchedRules:
    """The groups of some files; of a tenant with one that cannot be used, those read last.

    The first reading raises FileSetError.
    """

    def __init__(
        self, patterns: Sequence[str], tenant: str, features: Features, metrics: ReloadMetrics
    ) -> None:
        self._patterns, self._tenant, self._features = patterns, tenant, features
        self._failures = metrics.failures.labels(SETTING)
        self._successful = metrics.successful.labels(SETTING)
        self._print = self._seen()
        self._set = RuleSet(1, read(patterns, tenant, features).groups)
        self._successful.set(1)
        self.is_good, self.read_ms = True, time.time_ns() // 1_000_000

    def current(self) -> RuleSet:
        return self._set

    def refresh(self, *, forced: bool = False) -> bool:
        """Read again if anything changed; whether the groups were replaced."""
        try:
            seen = self._seen()
            if seen == self._print and not forced:
                return False
            self._print = seen
            found = read(self._patterns, self._tenant, self._features)
        except FileSetError as error:
            self._failures.inc()
            self._successful.set(0)
            self.is_good = False
            logger.error(
                "rules not reloaded, the old ones stay in force setting=%s tenants=%s error=%r",
                SETTING, ",".join(sorted(error.spoiled)), str(error),
            )  # fmt: skip
            return self._take_good(error)
        self._successful.set(1)
        self.is_good, self.read_ms = True, time.time_ns() // 1_000_000
        self._set = RuleSet(self._set.version + 1, found.groups)
        logger.info("rules reloaded setting=%s files=%d", SETTING, len(found.files))
        return True

    def tell(self) -> None:
        """The ruler looks by itself."""

    def _take_good(self, error: FileSetError) -> bool:
        """Take over the groups of tenants all of whose files can be used, if they changed."""
        if error.good is None:
            return False
        old = self._set.groups
        kept = {tenant: old[tenant] for tenant in error.spoiled if tenant in old}
        groups = {**error.good, **kept}
        if groups == old:
            return False
        self._set = RuleSet(self._set.version + 1, groups)
        return True

    def _seen(self) -> tuple[object, ...]:
        files = matched(self._patterns)
        return (files, fingerprint(files))
