"""Clients of buckets: what obstore is given for a configuration."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from storage.errors import StoreConfigError
from storage.objects.config import AzureConfig, HttpConfig, S3Config, TlsConfig, parse_config
from storage.objects.providers import azure_options, client_options, open_client, s3_options

ALWAYS = {"checksum_algorithm": "sha256"}


@pytest.mark.parametrize(
    ("config", "options"),
    [
        (
            S3Config(bucket="b", endpoint="localhost:9000", insecure=True),
            {"endpoint": "http://localhost:9000", "virtual_hosted_style_request": False},
        ),
        (
            S3Config(bucket="b", endpoint="s3.eu-central-1.amazonaws.com"),
            {
                "endpoint": "https://b.s3.eu-central-1.amazonaws.com",
                "virtual_hosted_style_request": True,
                "region": "eu-central-1",
            },
        ),
        (
            S3Config(bucket="b", endpoint="s3.amazonaws.com", bucket_lookup_type="path"),
            {"endpoint": "https://s3.amazonaws.com", "virtual_hosted_style_request": False},
        ),
        (
            S3Config(bucket="b", access_key="a", secret_key="s", session_token="t", region="r"),
            {
                "virtual_hosted_style_request": False,
                "access_key_id": "a",
                "secret_access_key": "s",
                "session_token": "t",
                "region": "r",
            },
        ),
    ],
)
def test_s3(config: S3Config, options: dict[str, Any]) -> None:
    assert s3_options(config) == ALWAYS | options


@pytest.mark.parametrize(
    ("config", "options"),
    [
        (
            AzureConfig(container="c", storage_account="a", storage_account_key="k"),
            {"account_name": "a", "account_key": "k"},
        ),
        (
            AzureConfig(
                container="c",
                storage_connection_string="AccountName=a;AccountKey=k==;BlobEndpoint=http://h/a",
            ),
            {"account_name": "a", "account_key": "k==", "endpoint": "http://h/a"},
        ),
        (
            AzureConfig(container="c", storage_account="a", endpoint="blob.example.com"),
            {"account_name": "a", "endpoint": "https://a.blob.example.com"},
        ),
    ],
)
def test_azure(config: AzureConfig, options: dict[str, Any]) -> None:
    assert azure_options(config) == options


def test_certificates(tmp_path: Path) -> None:
    file = tmp_path / "ca.pem"
    file.write_bytes(b"pem")
    options = client_options(HttpConfig(tls_config=TlsConfig(ca_file=str(file))), 1_000)
    assert options["root_certificate"] == b"pem"
    assert "allow_invalid_certificates" not in options
    options = client_options(HttpConfig(insecure_skip_verify=True), 1_000)
    assert options["allow_invalid_certificates"]


@pytest.mark.parametrize(
    "text",
    [
        "type: S3\nconfig: {bucket: b, endpoint: 's3.example.com'}",
        "type: GCS\nconfig: {bucket: b}",
        "type: AZURE\nconfig: {container: c, storage_account: a, storage_account_key: 'a2V5'}",
    ],
)
def test_clients_are_made_of_all(text: str) -> None:
    assert open_client(parse_config(text, "test"), 1_000).prefix is None


def test_what_cannot_be_used_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for text in (
        f"type: FILESYSTEM\nconfig: {{directory: {tmp_path / 'file' / 'below'}}}",
        "type: GCS\nconfig: {bucket: b, service_account: '{'}",
        f"type: S3\nconfig: {{bucket: b, http_config: {{tls_config: {{ca_file: {tmp_path}}}}}}}",
    ):
        with pytest.raises(StoreConfigError):
            open_client(parse_config(text, "test"), 1_000)
