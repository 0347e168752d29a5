"""External labels as settings state them."""

from __future__ import annotations

import pytest

from rules.ruler.options import label_pairs


def test_pairs() -> None:
    assert label_pairs(("a=b", "c=d=e", "f=")) == {"a": "b", "c": "d=e", "f": ""}
    assert label_pairs(()) == {}


@pytest.mark.parametrize("text", ["", "a", "=b"])
def test_what_is_no_pair(text: str) -> None:
    with pytest.raises(ValueError, match="rules.external-labels: got .* allowed is NAME=VALUE"):
        label_pairs((text,))
