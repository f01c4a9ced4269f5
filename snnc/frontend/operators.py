"""The table of ONNX operators that can be converted, and what to say about those that cannot."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from snnc.frontend import (
    lower_linear,
    lower_neuron,
    lower_pool,
    lower_qonnx,
    lower_quantised,
    lower_shape,
    qonnx,
)
from snnc.frontend.call import Call
from snnc.frontend.values import Value

Handler: TypeAlias = Callable[[Call], Value | tuple[Value, ...]]

OPERATORS: dict[str, Handler] = {
    "Conv": lower_linear.conv,
    "ConvTranspose": lower_linear.conv_transpose,
    "Gemm": lower_linear.gemm,
    "MatMul": lower_linear.matmul,
    "BatchNormalization": lower_linear.batch_normalization,
    "Add": lower_linear.add,
    "Sum": lower_linear.add,
    "Sub": lower_linear.subtract,
    "Mul": lower_linear.multiply,
    "Div": lower_linear.divide,
    "Neg": lower_linear.negate,
    "Relu": lower_neuron.relu,
    "Clip": lower_neuron.clip,
    "Max": lower_neuron.maximum,
    "Min": lower_neuron.minimum,
    "LeakyRelu": lower_neuron.leaky_relu,
    "PRelu": lower_neuron.prelu,
    "AveragePool": lower_pool.average_pool,
    "MaxPool": lower_pool.max_pool,
    "GlobalAveragePool": lower_pool.global_average_pool,
    "GlobalMaxPool": lower_pool.global_max_pool,
    "ReduceMean": lower_pool.reduce_mean,
    "ReduceMax": lower_pool.reduce_max,
    "Identity": lower_shape.identity,
    "Dropout": lower_shape.dropout,
    "Cast": lower_shape.cast,
    "Reshape": lower_shape.reshape,
    "Flatten": lower_shape.flatten,
    "Squeeze": lower_shape.squeeze,
    "Unsqueeze": lower_shape.unsqueeze,
    "Transpose": lower_shape.transpose,
    "Concat": lower_shape.concat,
    "Slice": lower_shape.slice_,
    "Split": lower_shape.split,
    "Gather": lower_shape.gather,
    "Pad": lower_shape.pad,
    "Resize": lower_shape.resize,
    "DepthToSpace": lower_shape.depth_to_space,
    "DequantizeLinear": lower_quantised.dequantize,
}
"""ONNX operator (default domain) to the function that lowers it."""


def handler_of(op: str, domain: str) -> Handler | None:
    """The function that lowers an operator; None if there is none."""
    if domain:
        known = domain in qonnx.DOMAINS and op in qonnx.OPERATORS
        return lower_qonnx.quantise if known else None
    return OPERATORS.get(op)


HOST_OPERATORS = frozenset({"Softmax", "LogSoftmax", "Sigmoid", "ArgMax", "TopK"})
"""Operators that the host computes from an output of the network, when they stand at the end."""

HOST_FOLLOWERS = HOST_OPERATORS | {
    "ArrayFeatureExtractor",
    "Cast",
    "DequantizeLinear",
    "Flatten",
    "Identity",
    "Normalizer",
    "IntQuant",
    "Quant",
    "QuantizeLinear",
    "Reshape",
    "Squeeze",
    "Transpose",
    "Unsqueeze",
    "ZipMap",
}
"""Operators that may follow a host operator on its way to the output."""

_ROUNDING = (
    "it rounds activations, and the nodes around it do not make a uniform staircase with it",
    "quantise as step * round(clip(x / step)), or with QuantizeLinear and DequantizeLinear",
)
_INTEGERS = (
    "it computes with integers, not with quantised values",
    "export in QDQ form (onnxruntime: quant_format=QuantFormat.QDQ), where layers stay in float",
)
_DYNAMIC = (
    "it finds its scale from each input while the network runs (dynamic quantisation)",
    "quantise statically, so that scales are constants found from calibration data",
)
_BINARY = (
    "its levels leave out 0, from which every spike count starts",
    "use activations from 0 on: two or more levels of a clipped and rounded ReLU",
)
_FOREIGN = (
    "its rounding is defined by another tool, not by ONNX",
    "export quantisers as QuantizeLinear and DequantizeLinear, or as Quant of QONNX",
)
_TRUNC = (
    "it cuts the lowest bits off integer sums, as quantised average pooling does",
    "export the pooling as AveragePool, with a Quant behind it if it is to be quantised",
)
_FLOAT_QUANT = (
    "its levels are small floating-point numbers, which are not equally spaced",
    "quantise activations to integers (IntQuant)",
)
_RECURRENT = (
    "it is a recurrent layer; its loop over the sequence is not a feed-forward network",
    "replace it by convolutions or dense layers over a fixed window of the sequence",
)
_SMOOTH = (
    "its activation function is not piecewise linear, so no spiking neuron computes it exactly",
    "retrain with Relu, ReLU6 or LeakyRelu in its place",
)
_NORM = (
    "it normalises by statistics of each sample, which no fixed linear operator can do",
    "retrain with BatchNormalization, whose statistics are constants in inference",
)
_ARITHMETIC = (
    "it is arithmetic on activations that is not linear, as in LayerNorm, GELU or attention",
    "retrain with BatchNormalization in place of LayerNorm, and Relu in place of GELU",
)
_ABSOLUTE = (
    "it is not linear, nor an activation function that can be converted",
    "where it writes out a clamp, as PACT's 0.5 * (|x| - |x - a| + a) does, use Clip",
)
_ATTENTION = (
    "attention multiplies computed tensors with each other",
    "replace the attention by convolutions or dense layers",
)
_CONTROL = (
    "it is control flow that depends on data",
    "export a model without loops and branches (tracing instead of scripting)",
)
_LOGIC = (
    "it is not a linear operator or an activation function that can be converted",
    "replace it in the model, or cut it off where it is post-processing",
)

REFUSED: dict[str, tuple[str, str]] = {
    **dict.fromkeys(("Floor", "Round", "Ceil", "QuantizeLinear"), _ROUNDING),
    **dict.fromkeys(
        ("QLinearConv", "QLinearMatMul", "QLinearAdd", "ConvInteger", "MatMulInteger"), _INTEGERS
    ),
    "DynamicQuantizeLinear": _DYNAMIC,
    "Sign": _BINARY,
    **dict.fromkeys(("RequantShift", "FakeQuantize"), _FOREIGN),
    "Trunc": _TRUNC,
    "FloatQuant": _FLOAT_QUANT,
    **dict.fromkeys(("Quant", "IntQuant", "BipolarQuant", "MultiThreshold"), _FOREIGN),
    **dict.fromkeys(("RNN", "GRU", "LSTM"), _RECURRENT),
    **dict.fromkeys(
        (
            "Tanh",
            "Gelu",
            "FastGelu",
            "HardSigmoid",
            "HardSwish",
            "Mish",
            "Elu",
            "Selu",
            "Celu",
            "Softplus",
            "Softsign",
            "ThresholdedRelu",
            "Swish",
            "Erf",
        ),
        _SMOOTH,
    ),
    **dict.fromkeys(
        (
            "LayerNormalization",
            "InstanceNormalization",
            "GroupNormalization",
            "RMSNormalization",
            "LRN",
            "LpNormalization",
            "MeanVarianceNormalization",
        ),
        _NORM,
    ),
    **dict.fromkeys(
        ("Pow", "Sqrt", "Reciprocal", "ReduceSum", "ReduceL2", "Exp", "Log", "Sin", "Cos"),
        _ARITHMETIC,
    ),
    "Abs": _ABSOLUTE,
    **dict.fromkeys(("Attention", "MultiHeadAttention", "RotaryEmbedding"), _ATTENTION),
    **dict.fromkeys(("If", "Loop", "Scan"), _CONTROL),
}
"""Operators refused by name: reason and cure."""


def refusal_of(op: str, domain: str) -> tuple[str, str]:
    """Reason and cure for an operator that has no handler."""
    if op in REFUSED:
        return REFUSED[op]
    if op in HOST_OPERATORS:
        part = {"Sigmoid": " (alone or in SiLU and gates)", "Softmax": " (as in attention)"}
        return (
            f"it stands between layers{part.get(op, '')}; the host computes it only at the end",
            "retrain with Relu in its place; if it is post-processing, export without what follows",
        )
    if domain:
        return (
            f"operators of domain {domain} are unknown",
            "export the model with standard ONNX operators",
        )
    return _LOGIC
