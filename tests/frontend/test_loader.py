"""Broken model files: each is one clear error with its code, never a traceback from deep inside."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from onnx_models import build, numbers, residual, save

from snnc.diagnostics import InputError, SnncError, UsageError
from snnc.frontend.importer import import_model, survey


def refused(path: Path, code: str, *words: str) -> str:
    """The error's text; both entry points must refuse the file alike."""
    with pytest.raises(InputError) as caught:
        import_model(path)
    diagnostic = caught.value.diagnostics[0]
    assert diagnostic.code == code
    assert diagnostic.help
    for word in words:
        assert word in str(diagnostic)
    with pytest.raises(InputError) as surveyed:
        survey(path)
    assert str(surveyed.value) == str(caught.value)
    return str(diagnostic)


def test_missing_file_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="No such file") as caught:
        import_model(tmp_path / "nowhere.onnx")
    assert caught.value.diagnostics[0].code == "SN600"


def test_folder_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="SN600"):
        import_model(tmp_path)


@pytest.mark.parametrize(
    "content",
    [b"hello, this is no model\n", b"PK\x03\x04" + bytes(100), b"\x89HDF\r\n\x1a\n", b"\xff" * 64],
    ids=["text", "zip", "hdf5", "ones"],
)
def test_other_formats_are_no_onnx_file(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(content)
    refused(path, "SN601", "not an ONNX")


def test_empty_file_is_truncated(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(b"")
    refused(path, "SN602", "empty")


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.999])
def test_truncated_file(share: float, tmp_path: Path) -> None:
    data = residual().SerializeToString()
    path = tmp_path / "model.onnx"
    path.write_bytes(data[: int(len(data) * share)])
    refused(path, "SN602", "truncated", "bytes")


def test_header_that_claims_two_gigabytes_is_refused_before_parsing(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(b"\x08\x08\x3a\xff\xff\xff\xff\x07" + bytes(32))
    refused(path, "SN602", "2,147,483,647 bytes")


def test_message_without_a_graph(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(onnx.ModelProto(ir_version=8, producer_name="nobody").SerializeToString())
    refused(path, "SN601", "no graph")


def test_empty_graph(tmp_path: Path) -> None:
    model = onnx.ModelProto(ir_version=8)
    model.graph.name = "empty"
    refused(save(model, tmp_path), "SN603", "empty")


def test_graph_without_input(tmp_path: Path) -> None:
    model = build("y = Relu(c)", {"c": (3,)}, inputs="")
    refused(save(model, tmp_path), "SN603", "no input")


def test_cyclic_graph(tmp_path: Path) -> None:
    model = build("a = Relu(x) b = Add(a, c) c = Relu(b) y = Relu(c)")
    refused(save(model, tmp_path), "SN605", "cyclic", "Add")


def test_missing_initializer_names_node_and_tensor(tmp_path: Path) -> None:
    model = build("y = Conv(x, w)")
    model.graph.node[0].name = "/conv1/Conv"
    refused(save(model, tmp_path), "SN606", "it reads w", "/conv1/Conv")


def test_dangling_output(tmp_path: Path) -> None:
    refused(save(build("a = Relu(x)"), tmp_path), "SN606", "output y")


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_weights_that_are_not_finite(value: float, tmp_path: Path) -> None:
    weight = np.ones((4, 3, 3, 3), np.float32)
    weight[1, 2, 0, 0] = value
    text = refused(save(build("y = Conv(x, w)", {"w": weight}), tmp_path), "SN607", "w", "Conv_0")
    assert "(1)" in text


def test_every_tensor_that_is_not_finite_is_named(tmp_path: Path) -> None:
    bad = np.full((4, 3, 1, 1), np.nan, np.float32)
    model = build("y = Conv(x, w, b)", {"w": bad, "b": bad.reshape(-1)[:4]})
    with pytest.raises(InputError) as caught:
        import_model(save(model, tmp_path))
    assert len(caught.value.diagnostics) == 2


@pytest.mark.parametrize(
    "declared", ["float[N,3,H,W] x", "float[N,3,8,W] x", "float[N,3,-1,8] x", "float[N,3,0,8] x"]
)
def test_dynamic_height_or_width(declared: str, tmp_path: Path) -> None:
    model = build("y = Relu(x)", inputs="float[N,3,8,8] x")
    sizes = declared.split("[")[1].split("]")[0].split(",")
    for dim, size in zip(model.graph.input[0].type.tensor_type.shape.dim, sizes, strict=True):
        dim.Clear()
        if size.lstrip("-").isdigit():
            dim.dim_value = int(size)
        else:
            dim.dim_param = size
    refused(save(model, tmp_path), "SN608", "input x", "fixed height")


def test_input_without_a_shape(tmp_path: Path) -> None:
    model = build("y = Relu(x)")
    model.graph.input[0].type.tensor_type.ClearField("shape")
    refused(save(model, tmp_path), "SN608", "unknown")


@pytest.mark.parametrize("kind", ["int8", "int64", "float16", "bool"])
def test_inputs_of_other_element_types(kind: str, tmp_path: Path) -> None:
    model = build("a = Cast<to=1>(x) y = Relu(a)", inputs=f"{kind}[N,3] x")
    with pytest.raises(InputError) as caught:
        import_model(save(model, tmp_path))
    assert caught.value.diagnostics[0].code == "SN609"
    assert kind in str(caught.value)


def test_tensor_whose_data_does_not_fit_its_shape(tmp_path: Path) -> None:
    model = build("y = Conv(x, w)", {"w": (4, 3, 3, 3)})
    model.graph.initializer[0].dims[0] = 400
    refused(save(model, tmp_path), "SN610", "tensor w")


def test_tensor_that_claims_terabytes(tmp_path: Path) -> None:
    model = build("y = Conv(x, w)", {"w": (4, 3, 3, 3)})
    model.graph.initializer[0].dims[0] = 1 << 50
    refused(save(model, tmp_path), "SN610", "tensor w")


def test_opset_before_7(tmp_path: Path) -> None:
    refused(save(build("y = Relu(x)", opset=6), tmp_path), "SN611", "older than 7")


# ---- external data ---------------------------------------------------------------------------


def _external(folder: Path, location: str = "weights.bin", **entries: str) -> Path:
    model = build("y = Conv(x, w)", {"w": (4, 3, 3, 3)})
    tensor = model.graph.initializer[0]
    (folder / "weights.bin").write_bytes(tensor.raw_data)
    tensor.ClearField("raw_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    for key, value in {"location": location, **entries}.items():
        tensor.external_data.add(key=key, value=value)
    return save(model, folder)


def test_external_data_is_inlined(tmp_path: Path) -> None:
    result = import_model(_external(tmp_path))
    (tmp_path / "weights.bin").unlink()
    (weight,) = (result.network.array(op.weight) for op in _ops(result))  # type: ignore[attr-defined]
    assert weight.shape == (4, 3, 3, 3)
    stored = numpy_helper.to_array(result.model.graph.initializer[0])
    np.testing.assert_array_equal(stored, weight)


def _ops(result: object) -> list[object]:
    network = result.network  # type: ignore[attr-defined]
    return [op for p in network.populations for i in p.incoming for op in i.ops]


def test_external_data_missing(tmp_path: Path) -> None:
    path = _external(tmp_path)
    (tmp_path / "weights.bin").unlink()
    refused(path, "SN604", "missing", "weights.bin")


@pytest.mark.parametrize("location", ["../weights.bin", "/etc/hostname", "a/../../x", ""])
def test_external_data_outside_the_folder(location: str, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    (tmp_path / "weights.bin").write_bytes(bytes(500))
    refused(_external(folder, location), "SN604", "outside the model's folder")


def test_external_data_through_a_link_out_of_the_folder(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    path = _external(folder)
    (folder / "weights.bin").rename(tmp_path / "weights.bin")
    (folder / "weights.bin").symlink_to(tmp_path / "weights.bin")
    refused(path, "SN604", "outside the model's folder")


def test_external_data_too_short(tmp_path: Path) -> None:
    refused(_external(tmp_path, offset="400", length="432"), "SN604", "832", "432 bytes")


def test_external_data_with_nonsense_offsets(tmp_path: Path) -> None:
    refused(_external(tmp_path, offset="ten"), "SN604", "offset")


# ---- damage ----------------------------------------------------------------------------------


def test_damaged_bytes_never_end_in_a_traceback(tmp_path: Path) -> None:
    """Whatever single bytes are overwritten, the file imports or is refused with a diagnostic."""
    model = build(
        """a = Conv<pads=[1,1,1,1]>(x, w, b)
        r = Clip(a, lo, hi)
        p = MaxPool<kernel_shape=[2,2], strides=[2,2]>(r)
        f = Flatten(p)
        y = Gemm<transB=1>(f, v)""",
        {"w": (2, 3, 1, 1), "b": (2,), "v": (3, 50), "lo": numbers(0), "hi": numbers(6)},
    )
    clean = model.SerializeToString()
    rng = random.Random(5)
    codes = set()
    for _ in range(150):
        damaged = bytearray(clean)
        for _ in range(rng.randint(1, 4)):
            damaged[rng.randrange(len(damaged))] = rng.randrange(256)
        path = tmp_path / "model.onnx"
        path.write_bytes(bytes(damaged))
        codes.add(_outcome(path))
    assert len(codes) > 4
    assert all(code.startswith("SN6") for code in codes - {"imported"})


def _outcome(path: Path) -> str:
    """The code of the refusal, or `imported`."""
    try:
        import_model(path)
    except SnncError as error:
        return error.diagnostics[0].code
    return "imported"


def test_sparse_initializers(tmp_path: Path) -> None:
    model = build("y = Gemm(x, w)", inputs="float[N,3] x")
    values = numpy_helper.from_array(np.ones(1, np.float32), "w")
    indices = numpy_helper.from_array(np.array([[0, 1]]), "w_indices")
    sparse = onnx.helper.make_sparse_tensor(values, indices, [3, 2])
    model.graph.sparse_initializer.append(sparse)
    refused(save(model, tmp_path), "SN610", "sparse")
