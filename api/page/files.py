"""The built files, read once, and compressed once for each encoding that is asked for."""

from __future__ import annotations

import mimetypes
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from importlib.resources import files
from importlib.resources.abc import Traversable

import cramjam

# What browsers refuse under `nosniff` if it is called anything else.
TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".webmanifest": "application/manifest+json",
    ".woff2": "font/woff2",
}
# Fonts are compressed as they are.
COMPRESSED_ALREADY = (".woff2",)
# Brotli's 9 takes five times as long, which the first visitor waits for, for one per cent less.
BROTLI_LEVEL, GZIP_LEVEL = 6, 9


@dataclass(slots=True)
class BuiltFile:
    """One file. Its compressed forms are made when they are first asked for."""

    name: str
    body: bytes
    type: str = ""
    etag: str = ""
    _forms: dict[str, bytes] = field(default_factory=dict)

    def __post_init__(self) -> None:
        suffix = f".{self.name.rpartition('.')[2]}"
        guessed = mimetypes.guess_type(self.name)[0] or "application/octet-stream"
        self.type = TYPES.get(suffix, guessed)
        self.etag = f'"{sha256(self.body).hexdigest()[:20]}"'

    def form(self, accepted: str) -> tuple[str, bytes]:
        """The encoding, "" for none, and the bytes, for what a header Accept-Encoding accepts."""
        encoding = "" if self.name.endswith(COMPRESSED_ALREADY) else encoding_of(accepted)
        if not encoding:
            return "", self.body
        if encoding not in self._forms:
            self._forms[encoding] = compress(self.body, encoding)
        return encoding, self._forms[encoding]


def encoding_of(accepted: str) -> str:
    """The smallest encoding that a client takes; a weight of zero refuses one."""
    names = {}
    for part in accepted.lower().split(","):
        name, _, weight = part.partition(";")
        names[name.strip()] = weight.replace(" ", "")
    for encoding in ("br", "gzip"):
        if encoding in names and names[encoding] not in ("q=0", "q=0.0", "q=0.00", "q=0.000"):
            return encoding
    return ""


def compress(body: bytes, encoding: str) -> bytes:
    if encoding == "br":
        return bytes(cramjam.brotli.compress(body, level=BROTLI_LEVEL))
    packer = zlib.compressobj(GZIP_LEVEL, zlib.DEFLATED, 16 + zlib.MAX_WBITS)
    return packer.compress(body) + packer.flush()


def built_files(folder: Traversable | None = None) -> Mapping[str, BuiltFile]:
    """All files by their path below `built`; none where the page was not built."""
    found: dict[str, BuiltFile] = {}
    root = folder or files("api.page") / "built"
    waiting = [("", root)] if root.is_dir() else []
    while waiting:
        before, place = waiting.pop()
        for entry in place.iterdir():
            name = before + entry.name
            if entry.is_dir():
                waiting.append((f"{name}/", entry))
            else:
                found[name] = BuiltFile(name, entry.read_bytes())
    return found
