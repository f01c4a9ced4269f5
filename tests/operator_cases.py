"""Models of one or a few ONNX nodes: every operator and every attribute the importer takes."""

from __future__ import annotations

import numpy as np
import onnx
from onnx_models import batch_norm, build, integers, numbers

BN = batch_norm("n", 3)
W = {"w": (4, 3, 3, 3)}
CASES: dict[str, onnx.ModelProto] = {
    # convolutions
    "conv": build("y = Conv(x, w)", W),
    "conv with bias": build("y = Conv(x, w, b)", {**W, "b": (4,)}),
    "conv strides": build("y = Conv<strides=[2,1]>(x, w)", W),
    "conv asymmetric pads": build("y = Conv<pads=[0,1,2,1]>(x, w, b)", {**W, "b": (4,)}),
    "conv same upper": build('y = Conv<auto_pad="SAME_UPPER", strides=[2,2]>(x, w)', W),
    "conv same lower": build('y = Conv<auto_pad="SAME_LOWER", strides=[2,2]>(x, w)', W),
    "conv same, even kernel": build('y = Conv<auto_pad="SAME_LOWER">(x, w)', {"w": (4, 3, 2, 4)}),
    "conv valid": build('y = Conv<auto_pad="VALID">(x, w)', W),
    "conv dilated": build("y = Conv<dilations=[2,3], pads=[2,1,0,1]>(x, w)", W),
    "conv groups": build("y = Conv<group=2>(x, w)", {"w": (6, 2, 3, 3)}, inputs="float[N,4,6,6] x"),
    "conv depthwise": build("y = Conv<group=3, pads=[1,1,1,1]>(x, w)", {"w": (3, 1, 3, 3)}),
    "conv 1-D": build(
        "y = Conv<pads=[1,2], strides=[2]>(x, w, b)",
        {"w": (4, 3, 3), "b": (4,)},
        inputs="float[N,3,11] x",
    ),
    "conv 1-D same": build(
        'y = Conv<auto_pad="SAME_UPPER", strides=[2]>(x, w)',
        {"w": (4, 3, 3)},
        inputs="float[N,3,11] x",
    ),
    "conv 1-D chain": build(
        """a = Conv(x, w, b)
        r = Relu(a)
        p = MaxPool<kernel_shape=[2], strides=[2]>(r)
        q = AveragePool<kernel_shape=[2], pads=[1,0]>(p)
        c = Conv(q, v)
        t = Relu(c)
        f = Flatten(t)
        y = Gemm(f, u)""",
        {"w": (4, 3, 3), "b": (4,), "v": (5, 4, 2), "u": (15, 2)},
        inputs="float[N,3,11] x",
    ),
    "conv constant node weight": build(
        "w = Constant<value = float[1,3,1,1] {0.5, -1.0, 2.0}>() y = Conv(x, w)"
    ),
    "conv transpose": build("y = ConvTranspose(x, w, b)", {"w": (3, 4, 3, 3), "b": (4,)}),
    "conv transpose strides": build(
        "y = ConvTranspose<strides=[2,3], pads=[1,0,0,1]>(x, w)", {"w": (3, 4, 3, 3)}
    ),
    "conv transpose output_padding": build(
        "y = ConvTranspose<strides=[2,2], pads=[1,1,1,1], output_padding=[1,1]>(x, w)",
        {"w": (3, 4, 3, 3)},
    ),
    "conv transpose output_shape": build(
        "y = ConvTranspose<strides=[2,2], output_shape=[16,15]>(x, w)", {"w": (3, 4, 3, 3)}
    ),
    "conv transpose output_shape, same upper": build(
        'y = ConvTranspose<strides=[2,2], output_shape=[16,16], auto_pad="SAME_UPPER">(x, w)',
        {"w": (3, 4, 3, 3)},
    ),
    "conv transpose same lower": build(
        'y = ConvTranspose<strides=[2,2], auto_pad="SAME_LOWER">(x, w)', {"w": (3, 4, 3, 3)}
    ),
    "conv transpose dilated": build(
        "y = ConvTranspose<dilations=[2,2], strides=[2,1]>(x, w)", {"w": (3, 4, 3, 3)}
    ),
    "conv transpose groups": build(
        "y = ConvTranspose<group=2>(x, w)", {"w": (4, 3, 3, 3)}, inputs="float[N,4,5,5] x"
    ),
    "conv transpose 1-D": build(
        "y = ConvTranspose<strides=[2], output_padding=[1]>(x, w, b)",
        {"w": (3, 4, 3), "b": (4,)},
        inputs="float[N,3,7] x",
    ),
    # dense
    "gemm": build("y = Gemm(x, w, b)", {"w": (6, 4), "b": (4,)}, inputs="float[N,6] x"),
    "gemm transB": build("y = Gemm<transB=1>(x, w)", {"w": (4, 6)}, inputs="float[N,6] x"),
    "gemm alpha beta": build(
        "y = Gemm<alpha=0.5, beta=2.0>(x, w, b)",
        {"w": (6, 4), "b": (4,)},
        inputs="float[N,6] x",
    ),
    "gemm scalar bias": build(
        "y = Gemm(x, w, b)", {"w": (6, 4), "b": numbers(0.3)}, inputs="float[N,6] x"
    ),
    "matmul": build("y = MatMul(x, w)", {"w": (6, 4)}, inputs="float[N,6] x"),
    "matmul on the last of several axes": build(
        "y = MatMul(x, w)", {"w": (6, 4)}, inputs="float[N,3,5,6] x"
    ),
    "matmul with a constant left": build(
        "y = MatMul(w, x)", {"w": (4, 5)}, inputs="float[N,5,6] x"
    ),
    "dense behind a transpose": build(
        "t = Transpose<perm=[0,2,3,1]>(x) f = Flatten(t) y = Gemm<transB=1>(f, w)",
        {"w": (5, 192)},
    ),
    # affine
    "batch norm": build("y = BatchNormalization(x, n_g, n_b, n_m, n_v)", BN),
    "batch norm epsilon, opset 9": build(
        "y = BatchNormalization<epsilon=0.1>(x, n_g, n_b, n_m, n_v)", BN, opset=9
    ),
    "batch norm of vectors": build(
        "y = BatchNormalization(x, n_g, n_b, n_m, n_v)", BN, inputs="float[N,3] x"
    ),
    "add constants": build("a = Add(x, c) y = Add(d, a)", {"c": (3, 1, 1), "d": numbers(0.5)}),
    "add full map": build("y = Add(x, c)", {"c": (1, 3, 8, 8)}),
    "add values": build("a = Relu(x) y = Add(a, x)"),
    "add twice the same": build("y = Add(x, x)"),
    "sum of three": build("a = Relu(x) y = Sum(a, x, c)", {"c": (3, 1, 1)}),
    "sub constant": build("y = Sub(x, c)", {"c": (3, 1, 1)}),
    "sub from constant": build("y = Sub(c, x)", {"c": (3, 1, 1)}),
    "sub values": build("a = Relu(x) y = Sub(x, a)"),
    "mul": build("a = Mul(x, c) y = Mul(d, a)", {"c": (3, 1, 1), "d": (1, 8, 8)}),
    "div": build("y = Div(x, c)", {"c": numbers(0.25)}),
    "neg": build("y = Neg(x)"),
    "bias through a padded conv": build(
        "a = Sub(x, c) d = Div(a, s) y = Conv<pads=[1,1,1,1]>(d, w)",
        {**W, "c": (3, 1, 1), "s": numbers(0.3)},
    ),
    "bias through a padded average pool": build(
        "a = Add(x, c) y = AveragePool<kernel_shape=[3,3], pads=[1,1,1,1], count_include_pad=1>(a)",
        {"c": (3, 1, 1)},
    ),
    # neurons
    "relu": build("y = Relu(x)"),
    "relu twice": build("a = Relu(x) y = Relu(a)"),
    "clip 0 to 6": build("y = Clip(x, lo, hi)", {"lo": numbers(0), "hi": numbers(0.6)}),
    "clip attributes, opset 7": build("y = Clip<min=0.0, max=0.5>(x)", opset=7),
    "clip unbounded above": build("y = Clip(x, lo)", {"lo": numbers(0)}),
    "clip without bounds": build("y = Clip(x)"),
    "clip to float32's range": build("y = Clip<min=0.0, max=3.402823e38>(x)", opset=8),
    "clip infinite": build("y = Clip(x, lo, hi)", {"lo": numbers(0), "hi": numbers(np.inf)}),
    "clip behind relu": build(
        "a = Relu(x) y = Clip(a, lo, hi)", {"lo": numbers(-1), "hi": numbers(0.4)}
    ),
    "min behind relu": build("a = Relu(x) y = Min(a, hi)", {"hi": numbers(0.4)}),
    "min behind a shared relu": build(
        "a = Relu(x) b = Min(a, hi) y = Add(a, b)", {"hi": numbers(0.4)}
    ),
    "max with 0": build("y = Max(z, x)", {"z": numbers(0)}),
    "leaky relu": build("y = LeakyRelu<alpha=0.2>(x)"),
    "leaky relu default": build("y = LeakyRelu(x)"),
    "leaky relu 0 and 1": build("a = LeakyRelu<alpha=1.0>(x) y = LeakyRelu<alpha=0.0>(a)"),
    "prelu per channel": build(
        "y = PRelu(x, s)", {"s": np.array([0.1, 0.5, 0.9], np.float32).reshape(3, 1, 1)}
    ),
    "prelu one slope": build("y = PRelu(x, s)", {"s": np.array([0.3], np.float32)}),
    # pools
    "average pool": build("y = AveragePool<kernel_shape=[3,2], strides=[2,1]>(x)"),
    "average pool pads": build("y = AveragePool<kernel_shape=[3,3], pads=[1,0,1,2]>(x)"),
    "average pool including pads": build(
        "y = AveragePool<kernel_shape=[3,3], pads=[1,0,1,2], count_include_pad=1>(x)"
    ),
    "average pool ceil": build(
        "y = AveragePool<kernel_shape=[3,3], strides=[2,2], ceil_mode=1>(x)"
    ),
    "average pool same": build(
        'y = AveragePool<kernel_shape=[3,3], strides=[2,2], auto_pad="SAME_LOWER">(x)'
    ),
    "average pool 1-D": build(
        "y = AveragePool<kernel_shape=[3], strides=[2], pads=[1,1]>(x)", inputs="float[N,3,9] x"
    ),
    "max pool": build("y = MaxPool<kernel_shape=[2,3], strides=[2,1]>(x)"),
    "max pool pads": build("y = MaxPool<kernel_shape=[3,3], pads=[1,0,1,2], strides=[2,2]>(x)"),
    "max pool ceil": build("y = MaxPool<kernel_shape=[3,3], strides=[2,2], ceil_mode=1>(x)"),
    "max pool dilated": build("y = MaxPool<kernel_shape=[2,2], dilations=[2,3]>(x)"),
    "max pool same": build(
        'y = MaxPool<kernel_shape=[2,2], strides=[2,2], auto_pad="SAME_UPPER">(x)',
        inputs="float[N,3,7,7] x",
    ),
    "max pool 1-D": build(
        "y = MaxPool<kernel_shape=[3], strides=[2], pads=[1,1]>(x)", inputs="float[N,3,9] x"
    ),
    "global average pool": build("y = GlobalAveragePool(x)"),
    "global average pool 1-D": build("y = GlobalAveragePool(x)", inputs="float[N,3,9] x"),
    "global max pool": build("y = GlobalMaxPool(x)"),
    "reduce mean, axes input": build("y = ReduceMean(x, a)", {"a": integers(2, 3)}),
    "reduce mean, axes attribute": build("y = ReduceMean<axes=[-1,-2], keepdims=0>(x)", opset=13),
    "reduce mean over one axis": build("y = ReduceMean<keepdims=0>(x, a)", {"a": integers(3)}),
    "reduce mean over channels": build("y = ReduceMean(x, a)", {"a": integers(1)}),
    "reduce mean NHWC": build(
        "t = Transpose<perm=[0,2,3,1]>(x) y = ReduceMean<keepdims=0>(t, a)", {"a": integers(1, 2)}
    ),
    "reduce max": build("y = ReduceMax<keepdims=0>(x, a)", {"a": integers(2, 3)}),
    # shape
    "reshape with -1": build("y = Reshape(x, s)", {"s": integers(-1, 192)}),
    "reshape with 0": build("y = Reshape(x, s)", {"s": integers(0, 6, -1)}),
    "reshape computed from Shape": build(
        """s = Shape(x)
        n = Gather<axis=0>(s, zero)
        u = Unsqueeze(n, axes)
        t = Concat<axis=0>(u, rest)
        y = Reshape(x, t)""",
        {"zero": np.array(0, np.int64), "axes": integers(0), "rest": integers(-1)},
    ),
    "flatten": build("y = Flatten(x)"),
    "flatten negative axis": build("y = Flatten<axis=-3>(x)"),
    "squeeze and unsqueeze": build(
        "a = Unsqueeze(x, u) b = Squeeze(a, u) y = Relu(b)", {"u": integers(2)}
    ),
    "squeeze, opset 11": build("a = Unsqueeze<axes=[4]>(x) y = Squeeze<axes=[4]>(a)", opset=11),
    "squeeze all": build("a = GlobalAveragePool(x) y = Squeeze(a)"),
    "transpose": build("y = Transpose<perm=[0,3,1,2]>(x)"),
    "concat channels": build("a = Relu(x) y = Concat<axis=1>(x, a, x)"),
    "concat last axis": build("a = Relu(x) y = Concat<axis=-1>(x, a)"),
    "concat NHWC": build(
        """a = Transpose<perm=[0,2,3,1]>(x)
        r = Relu(a)
        c = Concat<axis=3>(a, r)
        y = Transpose<perm=[0,3,1,2]>(c)"""
    ),
    "slice": build("y = Slice(x, s, e, a)", {"s": integers(1), "e": integers(3), "a": integers(1)}),
    "slice steps and negative ends": build(
        "y = Slice(x, s, e, a, t)",
        {"s": integers(1, 0), "e": integers(-1, 99), "a": integers(2, 3), "t": integers(2, 3)},
    ),
    "slice attributes, opset 9": build("y = Slice<starts=[1], ends=[3], axes=[1]>(x)", opset=9),
    "split sizes": build(
        "a, b = Split<axis=1>(x, s) r = Relu(a) y = Concat<axis=1>(b, r)", {"s": integers(1, 2)}
    ),
    "split evenly": build(
        "a, b = Split<axis=1, num_outputs=2>(x) y = Add(a, b)", inputs="float[N,4,5,5] x"
    ),
    "split attribute, opset 11": build(
        "a, b = Split<axis=1, split=[1,2]>(x) y = Concat<axis=1>(b, a)", opset=11
    ),
    "gather one": build("y = Gather<axis=1>(x, i)", {"i": np.array(-1, np.int64)}),
    "gather range": build("y = Gather<axis=1>(x, i)", {"i": integers(0, 2)}),
    "pad": build("y = Pad(x, p)", {"p": integers(0, 0, 1, 2, 0, 0, 3, 0)}),
    "pad channels": build("y = Pad(x, p)", {"p": integers(0, 1, 0, 0, 0, 2, 0, 0)}),
    "pad attributes, opset 9": build("y = Pad<pads=[0,0,1,1,0,0,1,1]>(x)", opset=9),
    "pad NHWC": build(
        "t = Transpose<perm=[0,2,3,1]>(x) p = Pad(t, q) y = Transpose<perm=[0,3,1,2]>(p)",
        {"q": integers(0, 1, 2, 0, 0, 3, 0, 0)},
    ),
    "pad with axes": build("y = Pad(x, p, , a)", {"p": integers(1, 2), "a": integers(3)}),
    "resize asymmetric floor": build(
        'y = Resize<mode="nearest", coordinate_transformation_mode="asymmetric", '
        'nearest_mode="floor">(x, , s)',
        {"s": numbers(1, 1, 2, 3)},
    ),
    "resize half pixel": build('y = Resize<mode="nearest">(x, , s)', {"s": numbers(1, 1, 2, 2)}),
    "resize to sizes": build(
        'y = Resize<mode="nearest", nearest_mode="floor", '
        'coordinate_transformation_mode="asymmetric">(x, , , s)',
        {"s": integers(1, 3, 16, 24)},
        inputs="float[1,3,8,8] x",
    ),
    "upsample, opset 9": build(
        'y = Upsample<mode="nearest">(x, s)', {"s": numbers(1, 1, 2, 2)}, opset=9
    ),
    "depth to space": build(
        'a = DepthToSpace<blocksize=2>(x) b = DepthToSpace<blocksize=2, mode="CRD">(x) '
        "y = Add(a, b)",
        inputs="float[N,8,3,4] x",
    ),
    # passed through
    "identity and dropout": build("a = Identity(x) b = Dropout(a) y = Relu(b)"),
    "dropout, opset 7": build("a, mask = Dropout<ratio=0.3>(x) y = Relu(a)", opset=7),
    "cast": build("a = Cast<to=1>(x) y = Relu(a)"),
    "constant arithmetic": build(
        "r = Reciprocal(c) s = Mul(r, c) t = Sqrt(s) y = Mul(x, t)", {"c": (3, 1, 1)}
    ),
    "weights dequantised": build(
        "w = DequantizeLinear(q, s, z) y = Conv(x, w)",
        {
            "q": np.arange(-54, 54, dtype=np.int8).reshape(4, 3, 3, 3),
            "s": numbers(0.02),
            "z": np.array(3, np.int8),
        },
    ),
    "fixed batch": build(
        "a = Relu(x) y = Reshape(a, s)", {"s": integers(1, 192)}, inputs="float[1,3,8,8] x"
    ),
    "fixed batch of 2": build("y = Relu(x)", inputs="float[2,3,8,8] x"),
}
