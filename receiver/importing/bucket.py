"""The blocks of a bucket in Thanos' layout: a folder for each, named by its ULID.

The bucket is listed once, and only read. Of a block, the index and a few chunk files are on the
local disk at a time, however large it is: its series lie in the order of their chunks.
"""

import re
import shutil
from collections.abc import Collection, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from receiver.importing.blocks import BlockSource
from receiver.importing.choice import FoundBlock, chosen
from receiver.importing.errors import BlockError, SourceError
from receiver.importing.parts import Report, Span
from receiver.importing.tsdb.block import parse_meta
from receiver.importing.tsdb.files import DELETION_FILE, META_FILE
from storage.errors import ObjectMissing, StoreFailed
from storage.objects.fetching import fetch
from storage.objects.store import Listed, ObjectStore

ULID = re.compile(r"[0-7][0-9A-HJKMNP-TV-Z]{25}")
METAS_AT_ONCE = 16
CHUNK_FILES_AT_ONCE = 2
EXAMPLES = 3


class FetchedFiles:
    """The files of a block in a bucket: those that are asked for are here until they are released.

    sizes: by name; directory: where they are put.
    """

    chunk_files_max = CHUNK_FILES_AT_ONCE

    def __init__(
        self, store: ObjectStore, ulid: str, sizes: Mapping[str, int], directory: Path
    ) -> None:
        self._store = store
        self._ulid = ulid
        self._sizes = sizes
        self._directory = directory / ulid

    def names(self) -> Collection[str]:
        return self._sizes.keys()

    def fetch(self, name: str) -> Path:
        size = self._sizes.get(name)
        if size is None:
            raise BlockError(f"the bucket has no {self._ulid}/{name}")
        path = self._directory / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            refuse_full_disk(path.parent, size)
            fetch(self._store, f"{self._ulid}/{name}", size, path)
        except ObjectMissing:
            raise BlockError(f"{name} went away from the bucket; import once more") from None
        except StoreFailed as error:
            raise SourceError(str(error)) from error
        except OSError as error:
            raise SourceError(f"{path} cannot be written: {error} (--fetch-directory)") from error
        return path

    def release(self, name: str) -> None:
        (self._directory / name).unlink(missing_ok=True)

    def close(self) -> None:
        shutil.rmtree(self._directory, ignore_errors=True)


def bucket_source(store: ObjectStore, directory: Path, report: Report, span: Span) -> BlockSource:
    """The raw blocks of a bucket; directory: where they are put while they are read, and nothing
    else is. Raises SourceError if there is none, or it cannot be read."""
    shutil.rmtree(directory, ignore_errors=True)
    try:
        found = read_blocks(store, files_by_block(store.listed("")), directory, report)
    except (StoreFailed, ObjectMissing) as error:
        raise SourceError(str(error)) from error
    return BlockSource(f"blocks of {store.place}", chosen(found, report, span), report, span)


def files_by_block(listed: Iterable[Listed]) -> dict[str, dict[str, int]]:
    """ULID -> name of a file in the block -> size."""
    blocks: dict[str, dict[str, int]] = {}
    for each in listed:
        ulid, slash, name = each.name.partition("/")
        if slash and ULID.fullmatch(ulid):
            blocks.setdefault(ulid, {})[name] = each.size
    return blocks


def read_blocks(
    store: ObjectStore, blocks: Mapping[str, Mapping[str, int]], directory: Path, report: Report
) -> list[FoundBlock]:
    """The blocks that are described, which is done last when one is uploaded."""
    if not blocks:
        raise SourceError(
            f"{store.place} has no blocks: folders named by a ULID. Those of Mimir and Cortex are "
            "below a tenant, which can be named as the prefix of the bucket"
        )
    partial = sorted(ulid for ulid, sizes in blocks.items() if META_FILE not in sizes)
    if partial:
        report.note(
            f"{len(partial)} blocks have no {META_FILE}, so they are not uploaded as a whole, or "
            f"partly deleted: left out, such as {', '.join(partial[:EXAMPLES])}"
        )
    whole = sorted(blocks.keys() - set(partial))

    def read(ulid: str) -> FoundBlock | None:
        return read_block(store, ulid, blocks[ulid], directory, report)

    with ThreadPoolExecutor(METAS_AT_ONCE, thread_name_prefix="metas") as pool:
        return [found for found in pool.map(read, whole) if found is not None]


def read_block(
    store: ObjectStore, ulid: str, sizes: Mapping[str, int], directory: Path, report: Report
) -> FoundBlock | None:
    """None: it cannot be read, and that is reported. Raises StoreFailed."""
    try:
        text = store.get(f"{ulid}/{META_FILE}").content.decode(errors="replace")
        meta = parse_meta(text, is_deleted=DELETION_FILE in sizes)
    except ObjectMissing:
        report.note(f"block {ulid} was deleted while the bucket was read: left out")
        return None
    except BlockError as error:
        report.lose("blocks", 1, f"block {ulid}: {error}")
        return None
    if meta.ulid != ulid:
        report.lose("blocks", 1, f"block {ulid}: its {META_FILE} is of block {meta.ulid}")
        return None
    if not meta.is_deleted:
        report_wrong_sizes(ulid, meta.file_sizes, sizes, report)
    return FoundBlock(meta, FetchedFiles(store, ulid, sizes, directory))


def report_wrong_sizes(
    ulid: str, stated: Mapping[str, int], sizes: Mapping[str, int], report: Report
) -> None:
    """Files that are not in the bucket as the block says cost what is in them."""
    wrong = {name: size for name, size in stated.items() if sizes.get(name) != size}
    for name, size in wrong.items():
        found = f"{sizes[name]} bytes" if name in sizes else "missing"
        report.lose("damaged files of blocks", 1, f"block {ulid}: {name} is {found}, not {size}")


def refuse_full_disk(directory: Path, size: int) -> None:
    """Raise OSError if the disk has no room for so many bytes."""
    free = shutil.disk_usage(directory).free
    if free < size:
        raise OSError(f"{size} bytes are needed for one file of a block, and {free} are free")
