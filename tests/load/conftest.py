"""Makes the modules of load-tests/ importable: a directory of scripts, not a package."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "load-tests"))
