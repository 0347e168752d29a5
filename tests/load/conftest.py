"""Makes the modules of load-tests/ importable: a directory of scripts, not a package."""

import sys
from pathlib import Path

LOAD_TESTS = Path(__file__).resolve().parents[2] / "load-tests"
sys.path[:0] = [
    str(LOAD_TESTS),
    *(str(LOAD_TESTS / name) for name in ("answers", "history", "thanos")),
]
