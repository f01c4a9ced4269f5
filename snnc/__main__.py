"""`python -m snnc` is the command `snnc`."""

from __future__ import annotations

from snnc.cli import entry

if __name__ == "__main__":
    entry()
