"""The command `snnc`. `entry` is the entry point; each command lies in a file of its own."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import NoReturn

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


def entry() -> NoReturn:
    """End the process with what `main` returns: the entry point of the command.

    Python ends a process by SIGINT, whatever exit code it asks for, if Ctrl-C once came while an
    extension module was being loaded. So an interrupted command leaves without asking.
    """
    code = main()
    if code == EXIT_INTERRUPTED:
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError, ValueError):  # closed, or on a full disk
                stream.flush()
        os._exit(code)
    raise SystemExit(code)


__all__ = ["entry", "main"]
