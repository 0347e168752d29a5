"""Settings as flags."""

import argparse

from receiver.settings.config import settings
from receiver.settings.flags import add_flag, add_storage_flags


def test_flags_have_the_names_of_settings_and_leave_no_trace() -> None:
    parser = argparse.ArgumentParser()
    for setting in settings().values():
        add_flag(parser, setting)
    assert vars(parser.parse_args([])) == {}
    assert vars(parser.parse_args(["--storage.path", "x"])) == {"storage.path": "x"}
    assert "storage.path" in parser.format_help()


def test_commands_on_a_data_directory_take_the_settings_of_storage() -> None:
    parser = argparse.ArgumentParser()
    add_storage_flags(parser)
    given = ["--config", "c.yml", "--storage.path", "x", "--storage.retention", "0"]
    expected = {"config": "c.yml", "storage.path": "x", "storage.retention": "0"}
    assert vars(parser.parse_args(given)) == expected
    assert "--web.listen-address" not in parser.format_help()
