"""The client of a bucket: what obstore needs to know of a configuration."""

from datetime import timedelta
from pathlib import Path
from typing import Any

from obstore.store import AzureStore, GCSStore, LocalStore, S3Store

from storage.errors import StoreConfigError
from storage.objects.config import (
    AzureConfig,
    BucketConfig,
    FilesystemConfig,
    GcsConfig,
    HttpConfig,
    S3Config,
    seconds_of,
)

Client = S3Store | GCSStore | AzureStore | LocalStore
AZURE_ENDPOINT = "blob.core.windows.net"
# What is tried again, and when, is decided by storage.objects.store, which counts it.
NO_RETRIES: Any = {"max_retries": 0, "retry_timeout": timedelta(seconds=1)}


def open_client(config: BucketConfig, request_timeout_ms: int) -> Client:
    """Makes no request. Raises StoreConfigError."""
    prefix = config.prefix or None
    provider = config.provider
    try:
        if isinstance(provider, FilesystemConfig):
            return LocalStore(Path(provider.directory) / config.prefix, mkdir=True)
        http = client_options(provider.http_config, request_timeout_ms)
        match provider:
            case S3Config():
                http["allow_http"] = provider.insecure
                return S3Store(
                    provider.bucket,
                    prefix=prefix,
                    config=s3_options(provider),
                    client_options=http,
                    retry_config=NO_RETRIES,
                )
            case GcsConfig():
                key = provider.service_account
                gcs: Any = {"service_account_key": key} if key else {}
                return GCSStore(
                    provider.bucket,
                    prefix=prefix,
                    config=gcs,
                    client_options=http,
                    retry_config=NO_RETRIES,
                )
            case AzureConfig():
                return AzureStore(
                    provider.container,
                    prefix=prefix,
                    config=azure_options(provider),
                    client_options=http,
                    retry_config=NO_RETRIES,
                )
    except (OSError, ValueError, TypeError) as error:
        raise StoreConfigError(f"{config.place}: {error}") from error
    except Exception as error:  # the client's own errors have no common base with those
        raise StoreConfigError(f"{config.place}: {first_line(error)}") from error


def client_options(config: HttpConfig, request_timeout_ms: int) -> Any:
    options: dict[str, Any] = {
        "timeout": timedelta(milliseconds=request_timeout_ms),
        "connect_timeout": timedelta(seconds=seconds_of(config.tls_handshake_timeout)),
        "pool_idle_timeout": timedelta(seconds=seconds_of(config.idle_conn_timeout)),
        "user_agent": "cupola",
    }
    if config.insecure_skip_verify or config.tls_config.insecure_skip_verify:
        options["allow_invalid_certificates"] = True
    if config.tls_config.ca_file:
        options["root_certificate"] = Path(config.tls_config.ca_file).read_bytes()
    return options


def s3_options(config: S3Config) -> Any:
    virtual = config.bucket_lookup_type == "virtual-hosted" or (
        config.bucket_lookup_type == "auto" and is_amazon(config.endpoint)
    )
    # The checksum travels with what is uploaded, and the server refuses anything else.
    options: dict[str, Any] = {
        "checksum_algorithm": "sha256",
        "virtual_hosted_style_request": virtual,
    }
    region = config.region or region_in(config.endpoint)
    if config.endpoint:
        scheme = "http" if config.insecure else "https"
        host = f"{config.bucket}.{config.endpoint}" if virtual else config.endpoint
        options["endpoint"] = f"{scheme}://{host}"
    optional = {
        "region": region,
        "access_key_id": config.access_key,
        "secret_access_key": config.secret_key,
        "session_token": config.session_token,
        "sts_endpoint": config.sts_endpoint,
    }
    options |= {name: value for name, value in optional.items() if value}
    if config.sse_config.type == "SSE-S3":
        options["server_side_encryption"] = "AES256"
    elif config.sse_config.type == "SSE-KMS":
        options["server_side_encryption"] = "aws:kms"
        options["sse_kms_key_id"] = config.sse_config.kms_key_id
    return options


def is_amazon(endpoint: str) -> bool:
    return endpoint.endswith((".amazonaws.com", ".amazonaws.com.cn"))


def region_in(endpoint: str) -> str:
    """The region in the name of one of Amazon's hosts: s3.eu-central-1.amazonaws.com."""
    parts = endpoint.split(".")
    return parts[-3] if is_amazon(endpoint) and len(parts) > 3 else ""


def azure_options(config: AzureConfig) -> Any:
    given = connection_parts(config.storage_connection_string)
    account = config.storage_account or given.get("AccountName", "")
    endpoint = given.get("BlobEndpoint", "")
    if not endpoint and config.endpoint != AZURE_ENDPOINT:
        endpoint = f"https://{account}.{config.endpoint}"
    optional = {
        "account_name": account,
        "account_key": config.storage_account_key or given.get("AccountKey", ""),
        "tenant_id": config.az_tenant_id,
        "client_id": config.client_id or config.user_assigned_id,
        "client_secret": config.client_secret,
        "endpoint": endpoint,
    }
    return {name: value for name, value in optional.items() if value}


def connection_parts(text: str) -> dict[str, str]:
    """The parts of a connection string: AccountName=a;AccountKey=b."""
    pairs = (part.partition("=") for part in text.split(";") if part.strip())
    return {name.strip(): value.strip() for name, _, value in pairs}


def first_line(error: BaseException) -> str:
    """What the client's errors say, without the many lines for its own programmers."""
    return str(error).split("\n", 1)[0]
