"""The operating errors of import.

ImportFailed
+-- SourceError      what is to be imported cannot be read
|   +-- BlockError   a block, or a part of it that everything else needs
+-- TargetError      what was read cannot be stored
"""


class ImportFailed(Exception):
    """Base of the errors that end an import; str() is the text for its user."""


class SourceError(ImportFailed):
    """The source cannot be read, or not from here on."""


class BlockError(SourceError):
    """A block cannot be read; others may be."""


class TargetError(ImportFailed):
    """The database or the server does not take what was read."""
