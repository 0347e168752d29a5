"""Prefixes of paths: what they are made of, and what clients see in their place."""

import pytest

from receiver.settings.addresses import Addresses, parse_addresses


@pytest.mark.parametrize(
    ("url", "prefix", "want"),
    [
        ("", "", Addresses("", "")),
        ("", "/", Addresses("", "")),
        ("", "x/y/", Addresses("/x/y", "/x/y")),
        ("https://h", "", Addresses("", "")),
        ("https://h:8/x/", "", Addresses("/x", "/x")),
        ("http://h/x", "/", Addresses("", "/x")),
        ("http://h/x", "/y", Addresses("/y", "/x")),
    ],
)
def test_addresses(url: str, prefix: str, want: Addresses) -> None:
    assert parse_addresses(url, prefix) == want


@pytest.mark.parametrize(
    ("url", "prefix", "setting"),
    [
        ("h/x", "", "web.external-url"),
        ("ftp://h/x", "", "web.external-url"),
        ("http:///x", "", "web.external-url"),
        ("http://h/x?y", "", "web.external-url"),
        ("http://h/a//b", "", "web.external-url"),
        ("", "/a b", "web.route-prefix"),
        ("", "/a/../b", "web.route-prefix"),
        ("", "/{name}", "web.route-prefix"),
        ("", "/%2f", "web.route-prefix"),
    ],
)
def test_what_is_no_path_is_refused(url: str, prefix: str, setting: str) -> None:
    with pytest.raises(ValueError, match=f"^{setting}: got"):
        parse_addresses(url, prefix)


@pytest.mark.parametrize(
    ("path", "want"),
    [
        ("/in", "/out"),
        ("/in/", "/out/"),
        ("/in/query", "/out/query"),
        ("/inside", "/inside"),
        ("/other", "/other"),
    ],
)
def test_paths_for_clients(path: str, want: str) -> None:
    assert Addresses("/in", "/out").outward(path) == want
