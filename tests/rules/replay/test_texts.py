"""Templates that say the same at each evaluation."""

import pytest

from rules.replay.texts import is_fixed


@pytest.mark.parametrize(
    ("text", "fixed"),
    [
        ("page", True),
        ("{{ $labels.job }}", True),
        ("{{ .Labels.job | toUpper }}", True),
        ("{{ $externalLabels.region }} {{ .ExternalURL }} {{ externalURL }}", True),
        ('{{ if eq $labels.job "a" }}x{{ else }}y{{ end }}', True),
        ("{{ $value }}", False),
        ("{{ .Value | humanize }}", False),
        ("{{ $labels.job }}{{ if gt $value 3.0 }}!{{ end }}", False),
        ("{{ . }}", False),
        ("{{ $.Value }}", False),
        ("{{ with . }}{{ .Value }}{{ end }}", False),
        ('{{ query "m" | len }}', False),
        ('{{ with printf "m" | query }}{{ . | first | value }}{{ end }}', False),
        ("{{ now }}", False),
        ("{{ $x := $value }}{{ $x }}", False),
        ('{{ define "a" }}{{ .Value }}{{ end }}{{ template "a" . }}', False),
        ("{{ wrong", True),
    ],
)
def test_texts(text: str, fixed: bool) -> None:
    assert is_fixed(text) is fixed
