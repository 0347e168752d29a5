"""The report of an import."""

from receiver.importing.parts import EXAMPLES_MAX, Report


def test_losses_are_counted_and_some_are_shown() -> None:
    report = Report()
    assert report.lines() == []
    report.note("something")
    report.note("something")
    for k in range(2 * EXAMPLES_MAX):
        report.lose("chunks", 2, f"chunk {k // 2}")
    report.lose("series", 1)
    assert report.lines() == [
        "note: something",
        f"not imported: {4 * EXAMPLES_MAX} chunks",
        *(f"    chunk {k}" for k in range(EXAMPLES_MAX)),
        "not imported: 1 series",
    ]
