"""The command `snnc`. `main` is the entry point; each command lies in a file of its own."""

from __future__ import annotations

import sys
from collections.abc import Sequence

EXIT_INTERRUPTED = 130
INTERRUPTED = "interrupted; nothing half-written was left behind"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command line (default `sys.argv`) and return its exit code.

    0 done; 1 input rejected or a requested check failed; 2 usage, missing file or package;
    3 a bug of snnc; 130 interrupted.
    """
    try:
        from snnc.cli.app import run_command_line

        return run_command_line(arguments)
    except KeyboardInterrupt:  # while the packages are still being loaded
        sys.stderr.write(INTERRUPTED + "\n")
        return EXIT_INTERRUPTED


__all__ = ["main"]
