"""A connection that is used for too long is cut; others are left alone."""

from __future__ import annotations

import socket

import pytest

from storage.catalog.engines.watchdog import Watchdog, cut


def test_what_is_overdue_is_cut() -> None:
    watchdog = Watchdog(0.05)
    ours, theirs = socket.socketpair()
    kept, other = socket.socketpair()
    with ours, theirs, kept, other:
        watchdog.watch(kept)
        watchdog.leave(kept)
        watchdog.leave(kept)  # once more is no harm
        watchdog.watch(ours)
        ours.settimeout(60)
        assert ours.recv(1) == b"", "whoever waits sees its end"
        kept.sendall(b"x")
        assert other.recv(1) == b"x"
        watchdog.close()
        assert watchdog.cuts == 1


def test_what_is_closed_cannot_be_cut() -> None:
    ours, theirs = socket.socketpair()
    ours.close()
    cut(ours)
    theirs.close()
    with pytest.raises(OSError, match="Bad file descriptor"):
        ours.fileno() == -1 and ours.send(b"x")
