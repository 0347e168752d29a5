"""Files of text as a source, block by block.

Invariant: a position is the place of the first line that is not read, in bytes of the text.
"""

import gzip
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, cast

from receiver.importing.errors import SourceError
from receiver.importing.parts import Part, Report, Span
from receiver.importing.text.scan import Scanner
from receiver.importing.tsdb.block import between_times
from receiver.wire.v1.writer import RequestColumns

BLOCK_BYTES = 8 << 20
LINE_BYTES_MAX = 1 << 20
GZIP_MAGIC = b"\x1f\x8b"
END_OF_FILE = b"# EOF"
TAIL_BYTES = 64


def open_text(path: Path) -> IO[bytes]:
    """A file, uncompressed. Raises SourceError."""
    try:
        with path.open("rb") as file:
            is_gzip = file.read(len(GZIP_MAGIC)) == GZIP_MAGIC
        return cast(IO[bytes], gzip.GzipFile(path)) if is_gzip else path.open("rb")
    except OSError as error:
        raise SourceError(f"{path} cannot be read: {error.strerror}") from error


def form_of(path: Path) -> str:
    """The format of a file: JSON lines if it begins like them, OpenMetrics if # EOF is in its last
    lines, else Prometheus' text."""
    with open_text(path) as file:
        last = file.read(TAIL_BYTES)
        if last.lstrip().startswith(b'{"metric"'):
            return "jsonl"
        while data := file.read(BLOCK_BYTES):
            last = (last + data)[-TAIL_BYTES:]
    return "openmetrics" if END_OF_FILE in last else "prometheus"


def blocks_of(file: IO[bytes], line_bytes_max: int) -> Iterator[bytes]:
    """The text in blocks of whole lines; the last one may have no new line at its end.

    Raises SourceError for a line that is too long.
    """
    rest = b""
    while data := file.read(BLOCK_BYTES):
        end = data.rfind(b"\n") + 1
        if end:
            yield rest + data[:end]
            rest = data[end:]
        else:
            rest += data
        if len(rest) > line_bytes_max:
            raise SourceError(
                f"a line of more than {line_bytes_max} bytes, it begins with {rest[:80]!r}"
            )
    if rest:
        yield rest


class TextSource:
    """OpenMetrics, times in seconds and # EOF at the end, or Prometheus' text, times in ms."""

    def __init__(self, path: Path, report: Report, span: Span, *, openmetrics: bool) -> None:
        self._path = path
        self._report = report
        self._span = span
        self._is_openmetrics = openmetrics

    @property
    def name(self) -> str:
        form = "OpenMetrics" if self._is_openmetrics else "text"
        return f"{form} {self._path.resolve()}"

    def parts(self, done: Mapping[str, int]) -> Iterator[Part]:
        unit = self._path.name
        scanner = Scanner(in_seconds=self._is_openmetrics)
        with open_text(self._path) as file:
            try:
                position, line = skip(file, done.get(unit, 0))
                ended = position > 0 and not file.peek(1)  # type: ignore[attr-defined]
                for block in blocks_of(file, LINE_BYTES_MAX):
                    found = scanner.scan(block, line)
                    position, line = position + len(block), line + block.count(b"\n")
                    samples = between_times(found.columns.samples, self._span)
                    c = found.columns
                    columns = RequestColumns(c.label_bytes, c.label_offsets, samples, c.exemplars)
                    yield Part(unit, position, columns, scanner.families.take())
                    ended = found.is_ended
            except (OSError, EOFError) as error:
                raise SourceError(f"{self._path} cannot be read: {error!r}") from error
            except SourceError as error:
                raise SourceError(f"{self._path}, {error}") from error
        if self._is_openmetrics and not ended:
            raise SourceError(f"{self._path} has no # EOF at its end: it may be cut off")


def skip(file: IO[bytes], position: int) -> tuple[int, int]:
    """Go to a position; (position, number of the line that begins there)."""
    line, at = 1, 0
    while at < position:
        data = file.read(min(BLOCK_BYTES, position - at))
        if not data:
            raise SourceError(f"the file has only {at} bytes, of which {position} were read before")
        line, at = line + data.count(b"\n"), at + len(data)
    return at, line
