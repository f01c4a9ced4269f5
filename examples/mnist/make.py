"""Rebuild `images.npz` from the full MNIST, or check it against MNIST with `--check`.

    SNNC_DATA=FOLDER python examples/mnist/make.py [--check]

`FOLDER/data/mnist.npz` holds the whole data set in its standard order (`x_train`, `y_train`,
`x_test`, `y_test`). Every 20th test image and every 120th training image is taken, 500 of each,
so that the parts are spread evenly over the data set.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).resolve().parent
STRIDES = {"train": 120, "test": 20}


def selected(full: Path) -> dict[str, Any]:
    """The example's arrays: images `(500, 28, 28)` uint8 and labels `(500,)` uint8 per split."""
    with np.load(full, allow_pickle=False) as data:
        return {
            f"{kind}_{split}": data[f"{kind}_{split}"][::stride]
            for split, stride in STRIDES.items()
            for kind in ("x", "y")
        }


def main() -> int:
    """Write the file, or compare it when asked to check; 1 if it differs."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing, compare")
    check = parser.parse_args().check
    arrays = selected(Path(os.environ["SNNC_DATA"]) / "data" / "mnist.npz")
    target = HERE / "images.npz"
    if not check:
        np.savez_compressed(target, **arrays)
        return 0
    with np.load(target, allow_pickle=False) as data:
        same = sorted(data.files) == sorted(arrays) and all(
            np.array_equal(data[name], array) for name, array in arrays.items()
        )
    print("same" if same else f"{target} differs from MNIST: run this without --check")
    return 0 if same else 1


if __name__ == "__main__":
    sys.exit(main())
