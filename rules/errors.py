"""The errors of rules, one tree:

RulesError
+-- RuleError            an evaluation failed (rules.evaluation.rows)
+-- NotAnswered          a query failed (rules.ruler.ports)
+-- NotWritten           nothing of a write was kept (rules.ruler.ports)
+-- TemplateError        a text of a label or annotation is no template, or cannot be expanded
|   +-- FunctionError    a function of a template refuses its arguments
"""


class RulesError(Exception):
    """Base of all errors of this package; str() is the text that users see."""


class TemplateError(RulesError):
    """str() is Go's text, from `template: NAME:LINE` on."""


class FunctionError(TemplateError):
    """str() is the bare reason; whoever called the function adds where it stands."""
