"""Random histories with a bucket: whatever is written, deleted, compacted, uploaded and evicted in
whatever order, the database has the samples of a plain model, and who follows or rebuilds the
bucket those that were sealed when it was written last."""

from __future__ import annotations

from contextlib import AbstractContextManager, ExitStack
from copy import deepcopy
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from storage.database import Database
from storage.following import FollowedBucket
from storage.labels.matchers import Matcher
from storage.rebuild import rebuild
from tests.makers.buckets.databases import NOW, bucket_at, store_at, with_bucket, worker_of
from tests.makers.databases import opened
from tests.storage.compaction.test_history import (
    TENANTS,
    History,
    Model,
    Name,
    check,
    names,
    points,
)
from tests.storage.test_following import following

ALONE = ["seal", "seal", "compact", "upload", "evict", "follow", "reopen"]
steps = st.lists(
    st.one_of(
        st.tuples(st.just("write"), names, points),
        st.tuples(st.just("write"), names, points),
        st.tuples(st.just("delete"), names, st.none()),
        st.tuples(st.sampled_from(ALONE), st.none(), st.none()),
        st.tuples(st.sampled_from(ALONE), st.none(), st.none()),
    ),
    min_size=4,
    max_size=30,
)


class BucketHistory(History):
    """A database with a bucket, one that follows it, and what each of them has to show."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.sealed, self.published = Model(), Model()
        self.follower: FollowedBucket | None = None
        self._others = ExitStack()
        super().__init__(place / "data")
        self.bring_up()

    def open(self) -> AbstractContextManager[Database]:
        return with_bucket(self.path, bucket_at(store_at(self.place / "bucket")))

    def close(self) -> None:
        super().close()
        self._others.close()

    def step(self, kind: str, name: Name, given: Any) -> None:
        if kind == "delete":
            self.step("seal", name, None)  # as a deletion does
            self.delete(name)
        elif kind in ("upload", "evict"):
            self.bring_up(evicting=kind == "evict")
        elif kind == "follow":
            self.follow()
        else:
            super().step(kind, name, given)
        if kind == "seal":
            self.sealed = deepcopy(self.model)

    def delete(self, name: Name) -> None:
        tenant, metric = name
        matchers = ((Matcher("__name__", "=", metric),),)
        self.database.deletions.delete_series(tenant, matchers, -(1 << 60), 1 << 60)
        for model in (self.model, self.sealed):
            model.samples.pop(name, None)

    def bring_up(self, *, evicting: bool = False) -> None:
        worker = worker_of(self.database)
        worker._copies._bytes_max = int(evicting)
        while worker.round(NOW):
            pass
        self.published = deepcopy(self.sealed)

    def follow(self) -> None:
        if self.follower is None:
            self.follower = self._others.enter_context(following(self.place))
        self.follower.refresh()
        check(self.follower, self.published)

    def check_rebuilt(self, number: int) -> None:
        store, target = store_at(self.place / "bucket"), self.place / f"new{number}"
        try:
            rebuild(store, target)
        finally:
            store.close()
        with opened(target) as database:
            check(database, self.published)


@settings(deadline=None, max_examples=25, suppress_health_check=list(HealthCheck))
@given(steps)
def test_every_series_is_as_in_the_model(history: list[Any]) -> None:
    with TemporaryDirectory() as name:
        run = BucketHistory(Path(name))
        try:
            for kind, series, content in history:
                run.step(kind, series, content)
            check(run.database, run.model)
            run.check_rebuilt(0)
            for kind in ("seal", "evict", "follow", "compact", "evict", "follow", "reopen"):
                run.step(kind, (TENANTS[0], "m"), None)
                check(run.database, run.model)
            run.check_rebuilt(1)
        finally:
            run.close()
