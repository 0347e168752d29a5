"""Passwords: right, wrong, unknown; what is remembered, and how many may wait."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import bcrypt
import pytest

from receiver.access import passwords
from receiver.access.passwords import Passwords, stand_in
from receiver.errors import Busy

USERS = {
    "alice": bcrypt.hashpw(b"right", bcrypt.gensalt(4)),
    "long": bcrypt.hashpw(b"x" * 72, bcrypt.gensalt(4)),
    "empty": bcrypt.hashpw(b"", bcrypt.gensalt(4)),
}


def play(scenario: Callable[[Passwords], Awaitable[None]], **limits: int) -> None:
    async def main() -> None:
        checker = Passwords(**limits)
        await scenario(checker)
        checker.close()

    asyncio.run(main())


@pytest.mark.parametrize(
    ("name", "password", "right"),
    [
        ("alice", b"right", True),
        ("alice", b"wrong", False),
        ("alice", b"", False),
        ("alice", b"right\0", False),
        ("Alice", b"right", False),
        ("nobody", b"right", False),
        ("nobody", b"", False),
        ("long", b"x" * 80, True),
        ("empty", b"", True),
        ("\udcff", b"\xff" * 100, False),
    ],
)
def test_passwords_are_right_or_wrong(name: str, password: bytes, right: bool) -> None:
    async def scenario(checker: Passwords) -> None:
        for _ in range(2):
            assert await checker.is_right(USERS, name, password) is right
        assert await checker.is_right({}, name, password) is False

    play(scenario)


def test_only_what_was_right_is_remembered_and_only_for_its_hash(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    checked: list[bytes] = []

    def matches(password: bytes, hashed: bytes) -> bool:
        checked.append(password)
        return bcrypt.checkpw(password, hashed)

    monkeypatch.setattr(passwords, "matches", matches)

    async def scenario(checker: Passwords) -> None:
        for password in (b"right", b"right", b"wrong", b"wrong"):
            await checker.is_right(USERS, "alice", password)
        assert checked == [b"right", b"wrong", b"wrong"]
        changed = USERS | {"alice": bcrypt.hashpw(b"other", bcrypt.gensalt(4))}
        assert await checker.is_right(changed, "alice", b"right") is False
        assert await checker.is_right(USERS, "empty", b"") is True  # in place of alice's
        checked.clear()
        assert await checker.is_right(USERS, "alice", b"right") is True
        assert checked == [b"right"]

    play(scenario, remembered_max=1)


def test_too_many_waiting_checks_are_refused() -> None:
    async def scenario(checker: Passwords) -> None:
        calls = [checker.is_right(USERS, "alice", b"%d" % k) for k in range(5)]
        found = await asyncio.gather(*calls, return_exceptions=True)
        assert [isinstance(answer, Busy) for answer in found] == [False] * 3 + [True] * 2
        assert await checker.is_right(USERS, "alice", b"right") is True

    play(scenario, waiting_max=3)


def test_unknown_users_cost_what_known_ones_do() -> None:
    assert stand_in(USERS)[:7] == b"$2b$04$"
    assert stand_in({})[:7] == b"$2b$10$"
    assert bcrypt.checkpw(b"", stand_in(USERS)) is False
