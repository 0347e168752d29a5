"""Settings as flags."""

import argparse

from receiver.settings.config import settings
from receiver.settings.flags import add_flag


def test_flags_have_the_names_of_settings_and_leave_no_trace() -> None:
    parser = argparse.ArgumentParser()
    for setting in settings().values():
        add_flag(parser, setting)
    assert vars(parser.parse_args([])) == {}
    assert vars(parser.parse_args(["--storage.path", "x"])) == {"storage.path": "x"}
    assert "storage.path" in parser.format_help()
