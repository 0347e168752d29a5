"""YAML as nodes with places, and libyaml's errors with Go's lines."""

import pytest

from rules.files.document import (
    Alias,
    DocumentError,
    Mapping,
    Scalar,
    Sequence,
    parse_document,
)


def test_nodes_know_their_places_and_tags() -> None:
    root = parse_document(b"a: &x [1, '2']\nb:\n  - *x\n").root
    assert isinstance(root, Mapping)
    (key, items), (_, second) = root.pairs
    assert isinstance(key, Scalar) and (key.line, key.column, key.value) == (1, 1, "a")
    assert isinstance(items, Sequence)
    assert [(item.tag, item.line, item.column) for item in items.items] == [
        ("!!int", 1, 8),
        ("!!str", 1, 11),
    ]
    assert isinstance(second, Sequence)
    (alias,) = second.items
    assert isinstance(alias, Alias) and (alias.line, alias.column) == (3, 5)
    assert alias.target is items


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"groups:\n- name: x\n\tfoo: 1\n", "line 2: found a tab character that violates"),
        (b"groups: [\n", "line 1: did not find expected node content"),
        (b"a: b: c", "mapping values are not allowed in this context"),
        (b"\n\na: 'b", "line 3: found unexpected end of stream"),
        (b"groups: *x", "unknown anchor 'x' referenced"),
        (b"a: @b", "found character that cannot start any token"),
        (b"a: \xff", "invalid leading UTF-8 octet"),
        (b"[" * 101, "nested more than 100 levels deep"),
    ],
)
def test_errors(content: bytes, text: str) -> None:
    with pytest.raises(DocumentError) as caught:
        parse_document(content)
    assert str(caught.value).startswith(f"yaml: {text}")


@pytest.mark.parametrize("content", [b"", b"# nothing\n", b"\n"])
def test_an_empty_file_has_no_root(content: bytes) -> None:
    assert parse_document(content).root is None


@pytest.mark.parametrize(
    ("content", "is_followed"), [(b"a: 1\n---\nb: 2\n", True), (b"a\n---\n\t", True), (b"a", False)]
)
def test_only_the_first_document_is_read(content: bytes, is_followed: bool) -> None:
    document = parse_document(content)
    assert document.root is not None
    assert document.is_followed is is_followed
