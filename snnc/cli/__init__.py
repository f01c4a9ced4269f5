"""The command `snnc`. `main` is the entry point; each command lies in a file of its own."""

from __future__ import annotations

from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command line (default `sys.argv`) and return its exit code.

    0 done; 1 input rejected or a requested check failed; 2 usage, missing file or package;
    3 a bug of snnc; 130 interrupted.
    """
    from snnc.cli.app import run_command_line

    return run_command_line(arguments)


__all__ = ["main"]
