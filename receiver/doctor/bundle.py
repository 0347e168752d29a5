"""A support bundle: what there is to know of an installation in one archive, without secrets.

What is in it is a list, never "everything but": files of users, keys, certificates and rules are
not read, samples are not read, and settings come through the same filter as /api/v1/status/config.
"""

import io
import re
import tarfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path

from receiver.doctor.examination import examine
from receiver.doctor.findings import as_json
from receiver.doctor.installation import configured
from receiver.settings.effective import document, without_secrets

ANSWER_BYTES_MAX = 32 << 20
LOG_BYTES_MAX = 4 << 20
FILES_LISTED_MAX = 100_000
ASK_S = 20.0
# What a running server is asked for. Labels and samples of tenants are in none of these.
PATHS = (
    "/metrics",
    "/api/v1/status/buildinfo",
    "/api/v1/status/runtimeinfo",
    "/api/v1/status/flags",
    "/api/v1/status/config",
    "/api/v1/status/segments",
    "/api/v1/status/head",
)
# What may stand behind such words in a line of a log is none of anyone's business.
_SECRET_WORDS = re.compile(
    r"(?i)\b(authorization|bearer|basic|password|passwd|secret|token|access_key|secret_key|api_key)"
    r"(\"?\s*[:= ]\s*\"?(?:bearer |basic |digest )?)([^\s\"',;]+)"
)


class Bundle:
    """An archive that is being written; every member is under one folder."""

    def __init__(self, archive: tarfile.TarFile, now_s: float) -> None:
        self._folder = f"cupola-support-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime(now_s))}"
        self._now_s = now_s
        self._archive = archive

    def add(self, name: str, text: str) -> None:
        content = text.encode(errors="replace")
        member = tarfile.TarInfo(f"{self._folder}/{name}")
        member.size, member.mtime, member.mode = len(content), int(self._now_s), 0o600
        self._archive.addfile(member, io.BytesIO(content))


def write_bundle(
    target: Path,
    *,
    config: Path | None = None,
    flags: Mapping[str, object] | None = None,
    server: tuple[str, Mapping[str, str]] | None = None,
    log: Path | None = None,
) -> None:
    """Write an archive with all that can be had. server: its URL, and headers for requests to it.

    Raises OSError if the archive cannot be written, FileExistsError if it is there.
    """
    known = dict(flags or {})
    # Not one that is there: its content might be needed.
    with tarfile.open(target, "x:gz") as archive:
        bundle = Bundle(archive, time.time())
        effective, _ = configured(config, known)
        bundle.add("doctor.json", without_words(as_json(examine(config, known))))
        bundle.add("config.yml", document(effective))
        bundle.add("files.txt", "".join(listing(Path(effective.storage.path))))
        if log is not None:
            bundle.add("log.txt", without_words(tail(log)))
        for path in PATHS if server else ():
            assert server is not None
            name = path.strip("/").replace("/", "-")
            bundle.add(f"server/{name}.txt", without_words(answer(*server, path)))


def listing(data: Path) -> Iterator[str]:
    """Sizes and names of what is in a data directory."""
    for number, path in enumerate(sorted(data.rglob("*"))):
        if number == FILES_LISTED_MAX:
            yield "... and more\n"
            return
        try:
            size = path.stat().st_size
        except OSError:  # gone meanwhile
            continue
        yield f"{size:>14} {path.relative_to(data)}\n"


def tail(path: Path) -> str:
    """The end of a log; why it could not be read, else."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, io.SEEK_END)
            file.seek(max(0, size - LOG_BYTES_MAX))
            return file.read().decode(errors="replace")
    except OSError as error:
        return f"cannot be read: {error}\n"


def answer(url: str, headers: Mapping[str, str], path: str) -> str:
    """What a server answers, as text; why it did not, else."""
    request = urllib.request.Request(url.rstrip("/") + path, headers=dict(headers))
    try:
        with urllib.request.urlopen(request, timeout=ASK_S) as response:
            body = response.read(ANSWER_BYTES_MAX + 1)
    except (OSError, ValueError) as error:
        return f"{path}: not answered: {error}\n"
    text: str = body[:ANSWER_BYTES_MAX].decode(errors="replace")
    return text if len(body) <= ANSWER_BYTES_MAX else text + "\n... and more\n"


def without_words(text: str) -> str:
    """A text without passwords in URLs, and without what stands behind a word for a secret."""
    return _SECRET_WORDS.sub(r"\1\2<secret>", without_secrets(text))
