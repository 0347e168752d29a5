"""Where the server is found: the prefix of its paths, and the path that clients see it under."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

_PATH = re.compile(r"(?:/[A-Za-z0-9._~!$&'()*+,;=:@-]+)*")
_DOTS = re.compile(r"/\.{1,2}(?:/|\Z)")


@dataclass(frozen=True, slots=True)
class Addresses:
    """Both are empty or begin with a slash and end without one.

    route_prefix: what the paths of requests begin with; external_path: what clients' URLs have in
    its place. They differ where a proxy takes a prefix away.
    """

    route_prefix: str = ""
    external_path: str = ""

    def outward(self, path: str) -> str:
        """The path by which a client reaches what is served at `path`."""
        is_inside = path == self.route_prefix or path.startswith(f"{self.route_prefix}/")
        return self.external_path + path.removeprefix(self.route_prefix) if is_inside else path


def parse_addresses(external_url: str, route_prefix: str) -> Addresses:
    """Raises ValueError: what is wrong with which setting."""
    external_path = ""
    if external_url:
        parts = urlsplit(external_url)
        is_url = parts.scheme in ("http", "https") and parts.netloc
        if not is_url or parts.query or parts.fragment:
            raise ValueError(
                f"web.external-url: got {external_url!r}; allowed is http:// or https://, a host "
                "and a path"
            )
        external_path = checked_path("web.external-url", parts.path)
    if not route_prefix:
        return Addresses(external_path, external_path)
    prefix = checked_path("web.route-prefix", f"/{route_prefix.lstrip('/')}")
    return Addresses(prefix, external_path if external_url else prefix)


def checked_path(setting: str, path: str) -> str:
    """A path without the slash at its end. Raises ValueError."""
    path = path.rstrip("/")
    if not _PATH.fullmatch(path) or _DOTS.search(path):
        raise ValueError(f"{setting}: got the path {path!r}; allowed are segments of plain text")
    return path
