"""Configurations of buckets: Thanos' keys, and what is said of others."""

from __future__ import annotations

from pathlib import Path

import pytest

from storage.errors import StoreConfigError
from storage.objects.config import S3Config, parse_config, read_config, seconds_of

# Every key that Thanos prints for its four providers.
S3 = """\
type: s3
config:
  bucket: metrics
  endpoint: s3.example.com
  region: eu-1
  disable_dualstack: false
  aws_sdk_auth: false
  access_key: 1234
  insecure: true
  signature_version2: false
  secret_key: "5678"
  session_token: ""
  put_user_metadata: {}
  http_config:
    idle_conn_timeout: 1m30s
    response_header_timeout: 2m
    insecure_skip_verify: false
    tls_handshake_timeout: 10s
    expect_continue_timeout: 1s
    max_idle_conns: 100
    max_idle_conns_per_host: 100
    max_conns_per_host: 0
    tls_config: {ca_file: "", cert_file: "", key_file: "", server_name: ""}
    disable_compression: false
  trace: {enable: false}
  list_objects_version: ""
  bucket_lookup_type: auto
  send_content_md5: true
  disable_multipart: false
  part_size: 67108864
  sse_config: {type: "", kms_key_id: "", kms_encryption_context: {}, encryption_key: ""}
  sts_endpoint: ""
  max_retries: 0
prefix: /a/b/
"""
GCS = """\
type: GCS
config: {bucket: metrics, service_account: "", use_grpc: false, grpc_conn_pool_size: 0,
  http_config: {}, chunk_size_bytes: 0, max_retries: 0}
"""
AZURE = """\
type: AZURE
config: {storage_account: me, storage_account_key: "", storage_connection_string: "",
  storage_create_container: true, container: metrics, endpoint: "", user_assigned_id: "",
  max_retries: 0, reader_config: {max_retry_requests: 0}, msi_resource: "", http_config: {},
  pipeline_config: {max_tries: 0, try_timeout: 0s, retry_delay: 0s, max_retry_delay: 0s}}
"""


@pytest.mark.parametrize(
    ("text", "place"),
    [
        (S3, "s3://metrics/a/b"),
        (GCS, "gs://metrics"),
        (AZURE, "azure://metrics"),
        ("type: FILESYSTEM\nconfig: {directory: /srv/b}\nprefix: p", "file:///srv/b/p"),
    ],
)
def test_all_keys_of_thanos_are_known(text: str, place: str) -> None:
    assert parse_config(text, "test").place == place


def test_scalars_are_what_they_are_meant_as() -> None:
    config = parse_config(S3, "test")
    provider = config.provider
    assert isinstance(provider, S3Config)
    assert (provider.access_key, provider.secret_key) == ("1234", "5678")
    assert (provider.insecure, provider.part_size) == (True, 64 << 20)
    assert config.prefix == "a/b"


def s3(extra: str) -> str:
    return f"type: S3\nconfig: {{bucket: b, {extra}}}"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("type: SWIFT", r"type: got 'SWIFT'; allowed are S3, GCS, AZURE, FILESYSTEM"),
        ("kind: S3", r"test: .*; its keys are type, config, prefix"),
        ("- a", r"test: .*its keys are"),
        ("type: [", r"no valid YAML"),
        ("type: S3", r"config: .*`bucket`"),
        (s3("acess_key: a"), r"unknown field `acess_key`.*access_key"),
        (s3("insecure: maybe"), r"insecure"),
        (s3("signature_version2: true"), r"config.signature_version2"),
        (s3("part_size: 1024"), r"config.part_size: got 1024; allowed are 5242880 bytes"),
        (s3("bucket_lookup_type: dns"), r"bucket_lookup_type: got 'dns'"),
        (s3("put_user_metadata: {a: b}"), r"put_user_metadata"),
        (s3("sse_config: {type: SSE-C}"), r"sse_config.type: got 'SSE-C'"),
        (s3("http_config: {idle_conn_timeout: 90}"), r"idle_conn_timeout: got '90'"),
        (s3("http_config: {tls_config: {cert_file: a}}"), r"certificates of clients"),
        (s3("http_config: {tls_config: {server_name: a}}"), r"server_name"),
        (s3("http_config: {keepalive: 1}"), r"unknown field `keepalive`"),
        ("type: GCS\nconfig: {bucket: b, use_grpc: true}", r"use_grpc"),
        ("type: AZURE\nconfig: {container: c}", r"storage_account: it is missing"),
    ],
)
def test_what_is_wrong_is_named(text: str, reason: str) -> None:
    with pytest.raises(StoreConfigError, match=reason):
        parse_config(text, "test")


def test_a_file(tmp_path: Path) -> None:
    file = tmp_path / "objstore.yml"
    with pytest.raises(StoreConfigError, match="cannot be read"):
        read_config(file)
    file.write_bytes(b"\xff")
    with pytest.raises(StoreConfigError, match="cannot be read"):
        read_config(file)
    file.write_bytes(b" " * ((1 << 20) + 1))
    with pytest.raises(StoreConfigError, match="larger than 1048576 bytes"):
        read_config(file)
    file.write_text(GCS)
    assert read_config(file).place == "gs://metrics"


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90.0), ("1m30s", 90.0), ("1h", 3600.0), ("250ms", 0.25)]
)
def test_durations(text: str, seconds: float) -> None:
    assert seconds_of(text) == seconds
