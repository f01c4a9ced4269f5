"""The models and data that the benchmarks share, found through the variable SNNC_DATA."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path

import snnc

CALIBRATION = "train[:500]"


@dataclass(frozen=True)
class Model:
    """A model file below `models/`, its data below `data/`, and how pixels become inputs."""

    file: str
    data: str
    divide: float = 255.0
    layout: str | None = None

    @property
    def preprocessing(self) -> snnc.Preprocessing:
        """What the data go through before they are inputs."""
        return snnc.Preprocessing(divide=self.divide, layout=self.layout)

    @property
    def path(self) -> str:
        """The ONNX file."""
        return str(root() / "models" / f"{self.file}.onnx")

    def split(self, part: str) -> str:
        """One part of the data, as DATA on the command line."""
        return f"{root() / 'data' / self.data}.npz:{part}"


def _named(*models: Model) -> dict[str, Model]:
    return {model.file: model for model in models}


MODELS = _named(
    Model("mnist_lenet", "mnist"),
    Model("mnist_lenet_dynamo", "mnist"),
    Model("mnist_mlp", "mnist"),
    Model("mnist_mlp_dynamo", "mnist"),
    Model("cifar10_vgg", "cifar10", layout="NHWC"),
    Model("cifar10_vgg_dynamo", "cifar10", layout="NHWC"),
    Model("cifar10_resnet8", "cifar10", layout="NHWC"),
    Model("cifar10_resnet8_dynamo", "cifar10", layout="NHWC"),
)
"""Networks with ReLU."""

QUANTISED = _named(
    Model("mnist_cnn_qcfs_L4", "mnist"),
    Model("mnist_cnn_qcfs_L4_dynamo", "mnist"),
    Model("mnist_cnn_lsq2_float", "mnist"),
    Model("mnist_cnn_lsq2_float_dynamo", "mnist"),
    Model("mnist_cnn_lsq2_qcdq", "mnist"),
    Model("mnist_cnn_lsq2_uint2", "mnist"),
    Model("mnist_cnn_lsq2_uint4", "mnist"),
    Model("mnist_cnn_lsq2_w4a2", "mnist"),
    Model("brevitas_mnist_lenet_w4a3_qonnx", "mnist"),
    Model("cifar10_vgg_qcfs_L4", "cifar10", layout="NHWC"),
    Model("cifar10_vgg_qcfs_L4_dynamo", "cifar10", layout="NHWC"),
)
"""Networks with quantised activations of few levels."""

QUANTISED_8_BIT = _named(Model("mnist_lenet_qdq8", "mnist"))
"""Networks with 255 levels, which cost as many steps."""


MULTI_EXIT = _named(Model("mnist_multi_exit", "mnist"))
"""Networks trained with internal classifiers."""


def root() -> Path:
    """The folder that SNNC_DATA names; exits with a message where it is unset."""
    value = os.environ.get("SNNC_DATA")
    if not value:
        sys.exit("set SNNC_DATA to a folder with data/ and models/ (see benchmarks/README.md)")
    return Path(value)
