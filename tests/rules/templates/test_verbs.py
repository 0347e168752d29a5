"""printf beyond what the table of templates has: values of all types, all verbs, the flags."""

import math

import pytest

from rules.templates.printf import sprintf
from rules.templates.values import (
    AnyMap,
    Byte,
    Data,
    Duration,
    Html,
    QueryResult,
    Sample,
    StringMap,
    Time,
    Value,
)

SAMPLE = Sample(StringMap(b="2", a="1"), 1.5)


@pytest.mark.parametrize(
    ("layout", "values", "text"),
    [
        ("%v|%+v|% v", (math.inf, math.inf, math.inf), "+Inf|+Inf| Inf"),
        ("%v|%+d|%5.1f", (math.nan, 1, math.nan), "NaN|+1|  NaN"),
        ("%+f|%06.1f|%06f", (math.nan, -1.5, -math.inf), "+NaN|-001.5|  -Inf"),
        ("%t|%v|%-6t|", (True, False, True), "true|false|true  |"),
        ("%v %s", (StringMap(b="2", a="1"), AnyMap(x=1)), "map[a:1 b:2] map[x:%!s(int=1)]"),
        ("%v %+v", (SAMPLE, SAMPLE), "&{map[a:1 b:2] 1.5} &{Labels:map[a:1 b:2] Value:1.5}"),
        ("%v %d", (Duration(1_500_000), Duration(5)), "1.5ms 5"),
        ("%s|%q", (Time(0), Duration(0)), '1970-01-01 00:00:00 +0000 UTC|"0s"'),
        ("%v %x %#v %T", (Byte(255), Byte(255), Byte(255), Byte(1)), "255 ff 0xff uint8"),
        ("%s %T", (Html("<b>"), Html("")), "<b> template.HTML"),
        ("%#v", (AnyMap(a="x", b=None),), 'map[string]interface {}{"a":"x", "b":<nil>}'),
        ("%v %T", (QueryResult(), QueryResult()), "[] template.queryResult"),
        ("%v", (Data(StringMap(), StringMap(), "u", 2.0),), "{map[] map[] u 2}"),
        ("%d|%s", (None, None), "%!d(<nil>)|%!s(<nil>)"),
        ("%d", ("a",), "%!d(string=a)"),
        ("%t %s", (1, 2.5), "%!t(int=1) %!s(float64=2.5)"),
        ("%d %d", (1,), "1 %!d(MISSING)"),
        ("%d", (1, "b"), "1%!(EXTRA string=b)"),
        ("%[2]d", (1, 2), "2"),
        ("%[3]d|%[a]d", (1, 2), "%!d(BADINDEX)|%!d(BADINDEX)"),
        ("%*d|%-*d|%*d", (4, 1, 4, 2, -4, 3), "   1|2   |3   "),
        ("%*d", ("a", 1), "%!(BADWIDTH)1"),
        ("%.*f", (-1, 1.5), "%!(BADPREC)1.500000"),
        ("%5c|%U|%#U|%q", (0x1F600, 0x1F600, 65, 10), "    😀|U+1F600|U+0041 'A'|'\\n'"),
        ("%q %q %c", (34, 39, -1), "'\"' '\\'' \ufffd"),
        ("%x|%X|%#x|% X|%.2x", ("héj",) * 5, "68c3a96a|68C3A96A|0x68c3a96a|68 C3 A9 6A|68c3"),
        ("%b|%o|%O|%#o|%#b|%#X", (5, 8, 8, 8, 5, 255), "101|10|0o10|010|0b101|0XFF"),
        ("%+.3d|%.0d|%8.3d|%-8d|", (5, 0, -5, 5), "+005||    -005|5       |"),
        (
            "%e|%.0e|%G|%g",
            (0.0, 1234.5, 1e-7, 123456789.0),
            "0.000000e+00|1e+03|1E-07|1.23456789e+08",
        ),
        ("%.3g|%.10g|%#.3g|%#g", (1234.5, 1.5, 1.0, 0.0), "1.23e+03|1.5|1.00|0.00000"),
        ("%x|%.0x|%.2x|%x", (1.0, 1.9, 1.999, 0.0), "0x1p+00|0x1p+01|0x1.00p+01|0x0p+00"),
        ("%b|%b", (1.0, 0.0), "4503599627370496p-52|0p-1074"),
        ("%z|%!|%", (1, 2), "%!z(int=1)|%!!(int=2)|%!(NOVERB)"),
        ("100%% %5%", (), "100% %"),
        ("%6.2s|%-6s|%06d|%06s", ("abc", "a", 42, "a"), "    ab|a     |000042|00000a"),
        ("%+q|%#q|%#q", ("é", "a", "`"), '"\\u00e9"|`a`|"`"'),
    ],
)
def test_layouts(layout: str, values: tuple[Value, ...], text: str) -> None:
    assert sprintf(layout, values) == text
