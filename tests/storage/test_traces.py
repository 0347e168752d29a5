"""Which headers name a trace."""

import pytest

from storage.traces import NO_TRACE, Trace, trace_of

ID, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


@pytest.mark.parametrize(
    ("text", "trace"),
    [
        (f"00-{ID}-{SPAN}-01", Trace(ID, True)),
        (f"00-{ID}-{SPAN}-00", Trace(ID, False)),
        (f"00-{ID}-{SPAN}-03", Trace(ID, True)),
        (f" 00-{ID}-{SPAN}-01\t", Trace(ID, True)),
        # A later version may have more.
        (f"cc-{ID}-{SPAN}-01-what-ever", Trace(ID, True)),
        (f"00-{ID}-{SPAN}-01-what", NO_TRACE),
        (f"ff-{ID}-{SPAN}-01", NO_TRACE),
        (f"00-{ID.upper()}-{SPAN}-01", NO_TRACE),
        (f"00-{'0' * 32}-{SPAN}-01", NO_TRACE),
        (f"00-{ID}-{'0' * 16}-01", NO_TRACE),
        (f"00-{ID}-{SPAN}", NO_TRACE),
        (f"00-{ID}-{SPAN}-1", NO_TRACE),
        (f"00-{ID}-{SPAN}-01\n", NO_TRACE),
        ("", NO_TRACE),
        ("\udcff" * 10_000, NO_TRACE),
    ],
)
def test_trace_of(text: str, trace: Trace) -> None:
    assert trace_of({"traceparent": text}) == trace


def test_only_recorded_traces_are_exemplars() -> None:
    assert trace_of({}) == NO_TRACE
    assert Trace(ID, True).exemplar == {"trace_id": ID}
    assert Trace(ID, False).exemplar is None
    assert NO_TRACE.exemplar is None
