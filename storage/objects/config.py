"""The configuration of a bucket, in the form of Thanos' objstore.yml.

    type: S3
    config: {bucket: metrics, endpoint: "s3.example.com", access_key: ..., secret_key: ...}
    prefix: cupola

All keys of Thanos' four providers S3, GCS, AZURE and FILESYSTEM are known. A key that is not is an
error, and so is one that asks for what is not there; what only tunes Thanos' own client is accepted
and has no effect (docs/configuration.md lists them).
"""

import re
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import msgspec
import yaml

from storage.errors import StoreConfigError

FILE_BYTES_MAX = 1 << 20
TYPES = ("S3", "GCS", "AZURE", "FILESYSTEM")
DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|h|m|s)")
SECONDS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
MIB = 1 << 20
PART_BYTES_MIN = 5 * MIB


class Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A map of the file, with no other keys than these."""


class TlsConfig(Section, frozen=True):
    """How a certificate of a server is checked."""

    ca_file: str = ""
    cert_file: str = ""
    key_file: str = ""
    server_name: str = ""
    insecure_skip_verify: bool = False


class HttpConfig(Section, frozen=True):
    """Connections, as Thanos' clients have them."""

    idle_conn_timeout: str = "1m30s"
    response_header_timeout: str = "2m"
    insecure_skip_verify: bool = False
    tls_handshake_timeout: str = "10s"
    expect_continue_timeout: str = "1s"
    max_idle_conns: int = 100
    max_idle_conns_per_host: int = 100
    max_conns_per_host: int = 0
    tls_config: TlsConfig = TlsConfig()
    disable_compression: bool = False


class TraceConfig(Section, frozen=True):
    """Logs of all requests, which are not offered."""

    enable: bool = False


class EncryptionConfig(Section, frozen=True):
    """How the server encrypts what it stores."""

    type: str = ""
    kms_key_id: str = ""
    kms_encryption_context: dict[str, str] = {}
    encryption_key: str = ""


class S3Config(Section, frozen=True):
    """A bucket of S3, or of anything that speaks as S3 does."""

    bucket: str
    endpoint: str = ""
    region: str = ""
    access_key: str = ""
    secret_key: str = ""
    session_token: str = ""
    insecure: bool = False
    aws_sdk_auth: bool = False
    disable_dualstack: bool = False
    signature_version2: bool = False
    put_user_metadata: dict[str, str] = {}
    http_config: HttpConfig = HttpConfig()
    trace: TraceConfig = TraceConfig()
    list_objects_version: str = ""
    bucket_lookup_type: str = "auto"
    send_content_md5: bool = True
    disable_multipart: bool = False
    part_size: int = 16 * MIB
    sse_config: EncryptionConfig = EncryptionConfig()
    sts_endpoint: str = ""
    max_retries: int = 0

    def refused(self) -> str:
        """What is asked for and not offered; "" if there is nothing."""
        if self.signature_version2:
            return "signature_version2: got true; signatures of version 4 are made only"
        if self.put_user_metadata:
            return "put_user_metadata: metadata of objects are not offered"
        if self.bucket_lookup_type not in ("auto", "path", "virtual-hosted"):
            return (
                f"bucket_lookup_type: got {self.bucket_lookup_type!r}; allowed are auto, path, "
                "virtual-hosted"
            )
        if self.sse_config.type not in ("", "SSE-S3", "SSE-KMS"):
            return f"sse_config.type: got {self.sse_config.type!r}; allowed are SSE-S3, SSE-KMS"
        if self.part_size < PART_BYTES_MIN:
            return f"part_size: got {self.part_size}; allowed are {PART_BYTES_MIN} bytes and more"
        return ""


class GcsConfig(Section, frozen=True):
    """A bucket of Google Cloud Storage."""

    bucket: str
    service_account: str = ""
    use_grpc: bool = False
    grpc_conn_pool_size: int = 0
    http_config: HttpConfig = HttpConfig()
    chunk_size_bytes: int = 0
    max_retries: int = 0

    def refused(self) -> str:
        return "use_grpc: got true; requests are made by HTTP only" if self.use_grpc else ""


class ReaderConfig(Section, frozen=True):
    """How Thanos reads from Azure."""

    max_retry_requests: int = 0


class PipelineConfig(Section, frozen=True):
    """How Thanos asks Azure again."""

    max_tries: int = 0
    try_timeout: str = "0s"
    retry_delay: str = "0s"
    max_retry_delay: str = "0s"


class AzureConfig(Section, frozen=True):
    """A container of Azure Blob Storage."""

    container: str
    storage_account: str = ""
    storage_account_key: str = ""
    storage_connection_string: str = ""
    storage_create_container: bool = True
    endpoint: str = "blob.core.windows.net"
    user_assigned_id: str = ""
    az_tenant_id: str = ""
    client_id: str = ""
    client_secret: str = ""
    msi_resource: str = ""
    max_retries: int = 0
    reader_config: ReaderConfig = ReaderConfig()
    pipeline_config: PipelineConfig = PipelineConfig()
    http_config: HttpConfig = HttpConfig()

    def refused(self) -> str:
        if not self.storage_account and not self.storage_connection_string:
            return "storage_account: it is missing, and so is storage_connection_string"
        return ""


class FilesystemConfig(Section, frozen=True):
    """A directory, of one machine or mounted by several."""

    directory: str
    http_config: ClassVar[HttpConfig] = HttpConfig()
    max_retries: ClassVar[int] = 0

    def refused(self) -> str:
        return ""


Provider = S3Config | GcsConfig | AzureConfig | FilesystemConfig
KINDS: dict[str, type[Provider]] = {
    "S3": S3Config,
    "GCS": GcsConfig,
    "AZURE": AzureConfig,
    "FILESYSTEM": FilesystemConfig,
}
Parsed = TypeVar("Parsed", bound=msgspec.Struct)


class BucketFile(Section, frozen=True):
    """The file as a whole."""

    type: str
    config: dict[str, Any] = {}
    prefix: str = ""


class BucketConfig(msgspec.Struct, frozen=True):
    """A bucket: what provides it, and the prefix of all names in it, without slashes around."""

    provider: Provider
    prefix: str = ""

    @property
    def place(self) -> str:
        """Where it is, without secrets: for people."""
        match self.provider:
            case S3Config(bucket=bucket):
                place = f"s3://{bucket}"
            case GcsConfig(bucket=bucket):
                place = f"gs://{bucket}"
            case AzureConfig(container=container):
                place = f"azure://{container}"
            case FilesystemConfig(directory=directory):
                place = f"file://{Path(directory).absolute()}"
        return f"{place}/{self.prefix}" if self.prefix else place


def read_config(path: Path) -> BucketConfig:
    """The bucket of a file. Raises StoreConfigError."""
    try:
        with path.open("rb") as file:
            content = file.read(FILE_BYTES_MAX + 1)
        text = content.decode()
    except (OSError, UnicodeDecodeError) as error:
        raise StoreConfigError(f"{path}: cannot be read: {error}") from error
    if len(content) > FILE_BYTES_MAX:
        raise StoreConfigError(f"{path}: larger than {FILE_BYTES_MAX} bytes")
    return parse_config(text, str(path))


def parse_config(text: str, name: str) -> BucketConfig:
    """The bucket of a text; name: what the text is called in errors. Raises StoreConfigError."""
    try:
        # All scalars are texts, so that a key of digits stays what it is.
        document = yaml.load(text, Loader=yaml.BaseLoader)
    except (yaml.YAMLError, RecursionError) as error:
        raise StoreConfigError(f"{name}: no valid YAML: {error}") from error
    file = converted(document, BucketFile, name)
    kind = KINDS.get(file.type.upper())
    if kind is None:
        raise StoreConfigError(f"{name}: type: got {file.type!r}; allowed are {', '.join(KINDS)}")
    provider = converted(file.config, kind, f"{name}: config")
    reason = provider.refused() or refused_of_http(provider.http_config)
    if reason:
        raise StoreConfigError(f"{name}: config.{reason}")
    return BucketConfig(provider, file.prefix.strip("/"))


def converted(document: object, kind: type[Parsed], name: str) -> Parsed:
    try:
        return msgspec.convert(document, kind, strict=False)
    except msgspec.ValidationError as error:
        allowed = ", ".join(field.name for field in msgspec.structs.fields(kind))
        raise StoreConfigError(f"{name}: {error}; its keys are {allowed}") from error


def refused_of_http(config: HttpConfig) -> str:
    for name in ("idle_conn_timeout", "response_header_timeout", "tls_handshake_timeout"):
        try:
            seconds_of(getattr(config, name))
        except ValueError as error:
            return f"http_config.{name}: {error}"
    if config.tls_config.cert_file or config.tls_config.key_file:
        return "http_config.tls_config.cert_file: certificates of clients are not offered"
    if config.tls_config.server_name:
        return "http_config.tls_config.server_name: another name than the endpoint's is not offered"
    return ""


def seconds_of(text: str) -> float:
    """A duration as Go writes it: 1m30s. Raises ValueError."""
    parts = DURATION.findall(text)
    if "".join(number + unit for number, unit in parts) != text or not parts:
        raise ValueError(f"got {text!r}; allowed are durations such as 30s or 1m30s")
    return sum(float(number) * SECONDS[unit] for number, unit in parts)
