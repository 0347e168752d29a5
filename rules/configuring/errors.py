"""Why a configuration is refused, one tree:

RefusedConfiguration
+-- Invalid      it has something wrong, or there is too much of it
+-- Protected    the namespace is not to be changed
+-- Missing      there is no such namespace, group or change
+-- Outdated     a change cannot be undone, because of what came after it
"""

from rules.errors import RulesError


class RefusedConfiguration(RulesError):
    """str() is the text for people."""


class Invalid(RefusedConfiguration):
    """The request has to be another one."""


class Protected(RefusedConfiguration):
    """Only who names the namespace in a header may change it."""


class Missing(RefusedConfiguration):
    """The request names something that is not there."""


class Outdated(RefusedConfiguration):
    """What is to be undone is not the latest, or what was before it is not known any more."""
