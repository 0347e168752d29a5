"""What is done to the bucket: segments are uploaded, unneeded ones deleted, leftovers swept.

    upload   the catalog notes `uploading`; then the files, meta.json as the last; then `uploaded`
    publish  contents.json, if what counts has changed
    delete   `leaving` for what neither the catalog nor contents.json names; after the delay
             meta.json, then the other files; then the catalog forgets it

Each step may be the last one before a crash, and each may be done again: files never change, so
writing one twice is harmless. What a crash leaves is finished by the next round, or swept.
"""

import logging
from collections.abc import Sequence
from pathlib import Path

from storage.bucket.contents import (
    Contents,
    decode,
    encode,
    encode_families,
    next_contents,
)
from storage.bucket.metrics import BucketMetrics
from storage.bucket.names import CONTENTS, SEGMENTS, metadata_object, segment_file, segment_of
from storage.catalog.catalog import Catalog
from storage.catalog.uploads import LEAVING, UPLOADED, UPLOADING, Upload
from storage.errors import ObjectChanged, ObjectMissing, StoreFailed
from storage.files import META_FILE, is_remote, segments_directory
from storage.objects.options import ObjectOptions
from storage.objects.store import ObjectStore
from storage.segments.segment import SegmentMeta, read_meta

logger = logging.getLogger(__name__)


class NotOurs(StoreFailed):
    """The bucket belongs to another data directory, or another process writes to it too."""

    retryable = False


class Uploading:
    """Keeps a bucket up to date with a data directory. For one thread."""

    def __init__(
        self,
        store: ObjectStore,
        catalog: Catalog,
        data: Path,
        options: ObjectOptions,
        metrics: BucketMetrics,
    ) -> None:
        self._store = store
        self._catalog = catalog
        self._data = data
        self._options = options
        self._metrics = metrics
        self._contents: Contents | None = None
        self._tag: str | None = None
        self._families: dict[int, bytes] = {}

    def live(self) -> list[SegmentMeta]:
        """The segments that are in use, of all shards."""
        return [s for shard in range(self._catalog.shards) for s in self._catalog.segments(shard)]

    def waiting(self) -> list[SegmentMeta]:
        """What is to be uploaded, newest first, because it is what the disk alone holds longest."""
        states = {ulid: upload.state for ulid, upload in self._catalog.uploads.all().items()}
        found = [s for s in self.live() if states.get(s.ulid) != UPLOADED and self._is_here(s)]
        self._metrics.waiting.set(len(found))
        self._metrics.waiting_bytes.set(sum(segment.bytes for segment in found))
        return sorted(found, key=lambda segment: -segment.max_ms)

    def upload(self, segment: SegmentMeta, now_ms: int) -> bool:
        """Upload a segment; False if it has gone meanwhile. Raises StoreFailed, StorageError."""
        self.open()
        directory = segments_directory(self._data, segment.shard) / segment.ulid
        self._note([segment.ulid], segment.shard, UPLOADING, now_ms)
        try:
            meta = read_meta(directory)
            for name in (*meta.files, META_FILE):
                self._store.put(segment_file(segment.shard, segment.ulid, name), directory / name)
        except Exception:
            if any(s.ulid == segment.ulid for s in self._catalog.segments(segment.shard)):
                raise
            return False
        self._note([segment.ulid], segment.shard, UPLOADED, now_ms)
        self._metrics.uploaded.inc()
        return True

    def publish(self, now_ms: int) -> Contents:
        """Write down what counts now, if that is news. Raises StoreFailed, NotOurs."""
        previous = self.open()
        # The tenants after the segments: none of these is of a tenant that is not known yet.
        live = self.live()
        states = self._catalog.uploads.all()
        uploaded = {ulid for ulid, upload in states.items() if upload.state == UPLOADED}
        shards = range(self._catalog.shards)
        deletions = [d for shard in shards for d in self._catalog.deletions.pending(shard)]
        contents = next_contents(previous, self._catalog.tenants(), live, uploaded, deletions)
        for shard in shards:
            self._publish_families(shard)
        if self._tag is None or not contents.says_the_same(previous):
            self._write(contents)
            logger.info(
                "bucket written sequence=%d segments=%d", contents.sequence, len(contents.segments)
            )
        if contents.ulids == {segment.ulid for segment in live}:
            self._metrics.written_seconds.set(now_ms / 1_000)
        return contents

    def delete(self, contents: Contents, now_ms: int) -> int:
        """Delete what is needed no more, once that is so for long enough; returns how many."""
        needed = contents.ulids | {segment.ulid for segment in self.live()}
        unneeded = [u for ulid, u in self._catalog.uploads.all().items() if ulid not in needed]
        fresh = [u for u in unneeded if u.state != LEAVING]
        self._catalog.uploads.note(u._replace(state=LEAVING, since_ms=now_ms) for u in fresh)
        due_ms = now_ms - self._options.delete_delay_ms
        due = [u for u in unneeded if u.state == LEAVING and u.since_ms <= due_ms]
        for upload in due:
            self._delete_segment(upload.shard, upload.ulid)
            self._catalog.uploads.forget([upload.ulid])
        self._metrics.deleted.inc(len(due))
        return len(due)

    def sweep(self, now_ms: int) -> int:
        """Delete old objects of segments that neither the catalog nor the contents know: uploads
        of another life of this directory; returns how many segments they were of."""
        contents = self.open()
        known = contents.ulids | set(self._catalog.uploads.all())
        newest: dict[tuple[int, str], int] = {}
        for listed in self._store.listed(SEGMENTS):
            place = segment_of(listed.name)
            if place is not None and place[1] not in known:
                moment = max(newest.get(place[:2], 0), listed.modified_ms)
                newest[place[:2]] = moment
        oldest_ms = now_ms - self._options.partial_delay_ms
        due = [place for place, moment in newest.items() if moment <= oldest_ms]
        for shard, ulid in due:
            self._delete_segment(shard, ulid)
            logger.info("unfinished upload deleted shard=%d ulid=%s", shard, ulid)
        self._metrics.deleted.inc(len(due))
        return len(due)

    def open(self) -> Contents:
        """What counts in the bucket so far. Raises NotOurs if it is another directory's, or newer
        than this one."""
        if self._contents is not None:
            return self._contents
        self._forget_lost()
        writer = self._catalog.uploads.writer()
        try:
            found = self._store.get(CONTENTS)
        except ObjectMissing:
            contents = Contents(writer=writer, shards=self._catalog.shards)
        else:
            contents = decode(found.content, self._store.place)
            if contents.writer != writer or contents.shards != self._catalog.shards:
                raise NotOurs(
                    f"{self._store.place} belongs to another data directory; use another prefix "
                    "(objstore.config-file), or take that directory over with cupola restore"
                )
            if contents.sequence > self._catalog.uploads.sequence():
                raise NotOurs(
                    f"{self._store.place} is newer than this data directory, which is an old copy "
                    "of the one that wrote there; take it over with cupola restore"
                )
            self._tag = found.tag
        self._contents = contents
        return contents

    def _forget_lost(self) -> None:
        """Forget uploads that the bucket does not have: it was emptied, or is another one now."""
        places = [segment_of(listed.name) for listed in self._store.listed(SEGMENTS)]
        whole = {place[1] for place in places if place is not None and place[2] == META_FILE}
        uploads = self._catalog.uploads.all()
        lost = [u.ulid for u in uploads.values() if u.state == UPLOADED and u.ulid not in whole]
        if lost:
            logger.error(
                "segments are not in the bucket any more, those on the disk are uploaded again "
                "place=%s segments=%d first=%s", self._store.place, len(lost), lost[0],
            )  # fmt: skip
            self._catalog.uploads.forget(lost)

    def _is_here(self, segment: SegmentMeta) -> bool:
        return not is_remote(segments_directory(self._data, segment.shard) / segment.ulid)

    def _write(self, contents: Contents) -> None:
        self._catalog.uploads.note_sequence(contents.sequence)
        try:
            self._tag = self._store.put_version(CONTENTS, encode(contents), self._tag)
        except ObjectChanged as error:
            raise NotOurs(
                f"another process writes to {self._store.place}; only one may, the one with the "
                "newest state of the data directory"
            ) from error
        self._contents = contents

    def _publish_families(self, shard: int) -> None:
        content = encode_families(self._catalog.metadata(shard))
        if self._families.get(shard) != content:
            self._store.put(metadata_object(shard), content)
            self._families[shard] = content

    def _delete_segment(self, shard: int, ulid: str) -> None:
        prefix = segment_file(shard, ulid, "")
        names = [listed.name for listed in self._store.listed(prefix.rstrip("/"))]
        meta = segment_file(shard, ulid, META_FILE)
        if meta in names:
            self._store.delete([meta])
        self._store.delete([name for name in names if name != meta])

    def _note(self, ulids: Sequence[str], shard: int, state: str, now_ms: int) -> None:
        self._catalog.uploads.note([Upload(ulid, shard, state, now_ms) for ulid in ulids])
