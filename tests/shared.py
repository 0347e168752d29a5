"""Where the data shared between checkouts is: CUPOLA_SHARED, or `shared` beside this checkout."""

import os
from pathlib import Path

SHARED = Path(
    os.environ.get("CUPOLA_SHARED", Path(__file__).resolve().parent.parent.parent / "shared")
)
GO_GOLDEN = SHARED / "conformance" / "go_format_golden.json"
