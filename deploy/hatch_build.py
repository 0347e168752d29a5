"""What a wheel has beside the modules: the manual page, completion in shells, and compiled kernels.

The first two are made from the command line, so that they never differ from it. Kernels are in a
wheel if CUPOLA_KERNELS names a directory of them, made by `cupola compile --processor=any
--directory=DIR` with the Python and the numba that are to find them. Such a wheel is for that
Python and this kind of machine, and starts without compiling anything; with any other numba, and
without them, kernels are compiled at the first start.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

SHIPPED = "storage/kernels/shipped"
# Where each is looked for below the prefix of an installation.
MAN_PAGE = "share/man/man1/cupola.1"
COMPLETION = {
    "bash": "share/bash-completion/completions/cupola",
    "zsh": "share/zsh/site-functions/_cupola",
    "fish": "share/fish/vendor_completions.d/cupola.fish",
}


class Hook(BuildHookInterface):
    """Adds to a wheel what is made and not written."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if self.target_name != "wheel" or version == "editable":
            return
        self._made = tempfile.TemporaryDirectory()
        for place, text in self.texts().items():
            made = Path(self._made.name, Path(place).name + str(len(place)))
            made.write_text(text)
            build_data["shared_data"][str(made)] = place
        kernels = os.environ.get("CUPOLA_KERNELS")
        if kernels:
            build_data["force_include"] |= shipped(Path(kernels))
            build_data["pure_python"] = False
            build_data["infer_tag"] = True

    def texts(self) -> dict[str, str]:
        """What the program says of its command line, by where it belongs."""
        sys.path.insert(0, self.root)
        try:
            from receiver.cli import make_parser
            from receiver.describing.commands import described
            from receiver.describing.completion import SHELLS
            from receiver.describing.man_page import man_page
        finally:
            sys.path.remove(self.root)
        program = described(make_parser())
        texts = {MAN_PAGE: man_page(program, self.metadata.version)}
        return texts | {place: SHELLS[shell](program) for shell, place in COMPLETION.items()}

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        if hasattr(self, "_made"):
            self._made.cleanup()


def shipped(kernels: Path) -> dict[str, str]:
    """Where each compiled kernel goes; their names are unique without their folders."""
    files = [p for p in kernels.rglob("*") if p.suffix in (".kernel", ".mark")]
    if not any(path.suffix == ".mark" for path in files):
        raise SystemExit(f"CUPOLA_KERNELS: {kernels} holds no complete set of kernels")
    return {str(path): f"{SHIPPED}/{path.name}" for path in files}
