"""Run with an installed snnc: it must come from the installation, not from a checkout.

python tools/check_installed.py CHECKOUT
"""

from __future__ import annotations

import importlib.util
import sys
from importlib import resources
from pathlib import Path


def main() -> int:
    """Print where snnc was found; 1 if it is the checkout's, or a part of it is missing."""
    checkout = Path(sys.argv[1]).resolve()
    faults = []
    for name in ("snnc", "snnc.ir", "snnc.backends", "snnc.templates", "snnc.examples"):
        spec = importlib.util.find_spec(name)
        if spec is None or spec.origin is None:
            faults.append(f"{name} is not installed")
        elif checkout in Path(spec.origin).resolve().parents:
            faults.append(f"{name} comes from the checkout: {spec.origin}")
    for package, file in (("snnc.ir", "grammar.lark"), ("snnc", "py.typed")):
        if not (resources.files(package) / file).is_file():
            faults.append(f"{package} lacks {file}")
    print("\n".join(faults) or f"installed: {resources.files('snnc')}")
    return int(bool(faults))


if __name__ == "__main__":
    sys.exit(main())
