"""The operating errors of storage, one tree:

    StorageError
    +-- TenantError          the tenant name is not allowed
    +-- CorruptBatch         a batch whose label bytes are not what they claim to be
    +-- Overloaded           try again later: a queue or the head is full
    +-- LogFailed            the write-ahead log refused an append, for good
    +-- LimitExceeded        a read asked for more than a limit allows
    +-- QueryStopped         a read ran out of time or was cancelled
    +-- FormatError          a file on disk is not in a format this version reads
    +-- StoreFailed          object storage did not answer as it should
    |   +-- ObjectMissing    there is no such object
    |   +-- ObjectChanged    another process wrote the object first
    +-- ReadOnly             this process does not write
    +-- Elsewhere            another process of this server has the shard
    +-- Fenced               another server has taken the catalog over
    +-- CatalogConfigError   the catalog's URL is not usable
    +-- SourceFailed         another store has not all that is asked for, and all of it is wanted
    +-- StoreConfigError     the configuration of object storage is not usable

Refused samples are data (`storage.rejects`), not errors. Bugs are assertions.
"""


class StorageError(Exception):
    """Base of all operating errors of storage. `reason` is the metric label."""

    reason = "storage"
    retryable = False


class TenantError(StorageError):
    """The tenant name has characters, a length or a form that is not allowed."""

    reason = "tenant_invalid"


class CorruptBatch(StorageError):
    """Label bytes of a batch are no valid label messages; nothing of the batch was kept."""

    reason = "corrupt"


class Overloaded(StorageError):
    """A bounded queue or the head is full; the same request may succeed later."""

    reason = "overloaded"
    retryable = True


class LogFailed(StorageError):
    """A write or sync of the log failed; the log refuses all further appends."""

    reason = "log_failed"
    retryable = True


class LimitExceeded(StorageError):
    """A read touches more series or samples than the limit named in the message."""

    reason = "limit"


class QueryStopped(StorageError):
    """A read was given up because its time was over or its client gone."""

    reason = "stopped"
    retryable = True


class FormatError(StorageError):
    """A file on disk has an unknown version or is damaged beyond its valid prefix."""

    reason = "format"


class StoreFailed(StorageError):
    """Object storage could not be asked, or did not do what it was asked for."""

    reason = "object_storage"
    retryable = True


class MustFetch(StoreFailed):
    """What was asked for lies in the bucket, and the calling thread must not wait for it."""


class ObjectMissing(StoreFailed):
    """There is no object of that name."""

    retryable = False


class ObjectChanged(StoreFailed):
    """An object is not any more, or not yet, what it was taken for: another process wrote it."""

    retryable = False


class StoreConfigError(StorageError):
    """The configuration of object storage has an unknown key, or a value that is not allowed."""

    reason = "config"


class ReadOnly(StorageError):
    """This process only reads; the same request may succeed at the one that writes."""

    reason = "read_only"
    retryable = True


class Elsewhere(StorageError):
    """The shard belongs to another process of the same server, which is to be asked instead."""

    reason = "elsewhere"
    retryable = True


class SourceFailed(StorageError):
    """What another store has of the answer is missing, and the request wants all or nothing."""

    reason = "source_failed"
    retryable = True


class Fenced(StorageError):
    """Another server has taken over what this one owned; it must not change or answer anything."""

    reason = "fenced"
    retryable = True


class CatalogConfigError(StorageError):
    """The URL of the catalog cannot be used."""

    reason = "config"
