"""The URL of the catalog comes from a setting or a file, and is shown nowhere."""

from __future__ import annotations

from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from receiver.server import check
from receiver.settings.catalog import catalog_of, url_of
from receiver.settings.config import Config, ConfigError, build
from receiver.settings.effective import HIDDEN, document, setting_texts

URL = "postgresql://me:hidden@db.example/cat"
BUCKET = "{type: FILESYSTEM, config: {directory: /nowhere}}"


def test_where_the_url_comes_from(tmp_path: Path) -> None:
    file = tmp_path / "url"
    file.write_text(f"{URL}\n")
    assert url_of(Config().catalog) == ""
    assert catalog_of(Config(), CollectorRegistry()) is None
    for values in ({"catalog.url": URL}, {"catalog.url-file": str(file)}):
        config = build(values)
        server = catalog_of(config, CollectorRegistry())
        assert server is not None
        assert server.url == URL
        assert "hidden" not in document(config)
        assert "hidden" not in str(setting_texts(config))
    assert setting_texts(build({"catalog.url": URL}))["catalog.url"] == HIDDEN


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"catalog.url": "mysql://me:hidden@x/y"}, "catalog.url: allowed is postgresql://"),
        ({"catalog.url": URL, "catalog.url-file": "f"}, "exclude each other"),
        ({"catalog.url-file": "/no/such/file"}, "catalog.url-file: cannot be read"),
        ({"catalog.url-file": "/dev/null"}, "catalog.url-file: /dev/null is empty"),
        ({"catalog.url": URL, "role": "query", "objstore.config": BUCKET}, "role: got 'query'"),
        ({"catalog.url": URL, "processes": 2}, "processes: got 2; allowed is 1"),
    ],
)
def test_what_is_refused(values: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        check(build(values))
    assert "hidden" not in str(caught.value)
