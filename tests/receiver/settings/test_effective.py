"""The configuration in force as texts and as YAML: complete, loadable, without secrets."""

import pytest
import yaml

from receiver.settings.config import Config, build, flatten, settings
from receiver.settings.effective import document, setting_texts, without_secrets

CHANGED = {
    "storage.retention": "40d",
    "write.max-body-bytes": "1MiB",
    "dedup.tenant-algorithms": "a=chain,b=penalty",
    "otlp.promote-scope-metadata": "true",
}


@pytest.mark.parametrize("values", [{}, CHANGED])
def test_the_document_gives_the_same_configuration(values: dict[str, object]) -> None:
    config = build(values)
    again = flatten(yaml.safe_load(document(config)))
    assert build(again) == config
    assert list(again) == list(settings())


def test_texts_are_those_of_flags() -> None:
    texts = setting_texts(build(CHANGED))
    assert {name: texts[name] for name in CHANGED} == CHANGED
    assert build(setting_texts(Config())) == Config()


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("postgresql://me:pa:ss@db/x", "postgresql://me:<secret>@db/x"),
        ("http://db:80/a@b", "http://db:80/a@b"),
        ("127.0.0.1:9009", "127.0.0.1:9009"),
    ],
)
def test_passwords_in_urls_are_hidden(text: str, want: str) -> None:
    assert without_secrets(text) == want


def test_a_setting_with_keys_is_hidden() -> None:
    config = build({"objstore.config": "secret_key: abc"})
    assert setting_texts(config)["objstore.config"] == "<secret>"
    assert "abc" not in document(config)
    assert setting_texts(Config())["objstore.config"] == ""
