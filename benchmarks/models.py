"""The models and data that the benchmarks share, found through the variable SNNC_DATA."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path

CALIBRATION = "train[:500]"


@dataclass(frozen=True)
class Model:
    """A model file below `models/`, its data below `data/`, and how pixels become inputs."""

    file: str
    data: str
    divide: float = 255.0
    layout: str | None = None

    @property
    def path(self) -> str:
        """The ONNX file."""
        return str(root() / "models" / f"{self.file}.onnx")

    def split(self, part: str) -> str:
        """One part of the data, as DATA on the command line."""
        return f"{root() / 'data' / self.data}.npz:{part}"


MODELS = {
    model.file: model
    for model in (
        Model("mnist_lenet", "mnist"),
        Model("mnist_lenet_dynamo", "mnist"),
        Model("mnist_mlp", "mnist"),
        Model("mnist_mlp_dynamo", "mnist"),
        Model("cifar10_vgg", "cifar10", layout="NHWC"),
        Model("cifar10_vgg_dynamo", "cifar10", layout="NHWC"),
        Model("cifar10_resnet8", "cifar10", layout="NHWC"),
        Model("cifar10_resnet8_dynamo", "cifar10", layout="NHWC"),
    )
}


def root() -> Path:
    """The folder that SNNC_DATA names; exits with a message where it is unset."""
    value = os.environ.get("SNNC_DATA")
    if not value:
        sys.exit("set SNNC_DATA to a folder with data/ and models/ (see benchmarks/README.md)")
    return Path(value)
