"""Reading an ONNX file without trusting it: every way it can be broken is one clear error."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

import onnx
from onnx import external_data_helper

from snnc.diagnostics import Diagnostic, InputError, UsageError
from snnc.frontend.wire import WireError, scan

_EXPORT_AGAIN = "copy or download the file again, or export the model again"


@dataclass(frozen=True, slots=True)
class Loaded:
    """A parsed ONNX file with its external data inlined, and the digest of the file itself."""

    path: Path
    proto: onnx.ModelProto
    sha256: str

    @property
    def name(self) -> str:
        """The file's name without its folder, for messages."""
        return self.path.name


def load(path: str | os.PathLike[str]) -> Loaded:
    """Read an ONNX file and the external data it refers to.

    Raises:
        UsageError: SN600, the file does not exist or cannot be read.
        InputError: SN601 not an ONNX file, SN602 truncated, SN603 empty graph, SN604 external data
            missing, outside the model's folder, or too short.
    """
    file = Path(path)
    data = _read(file)
    try:
        fields = scan(data)
    except WireError as error:
        raise _error("SN602" if error.truncated else "SN601", str(error), file) from None
    if 7 not in fields:
        raise _error("SN601", "it holds no graph, so it is not an ONNX model", file)
    try:
        proto = onnx.ModelProto.FromString(data)
    except Exception as error:  # protobuf's own classes are not typed
        raise _error("SN602", f"its protobuf data is damaged ({error})", file) from None
    if not proto.graph.node and not proto.graph.output:
        raise _error("SN603", "its graph is empty", file)
    _inline(proto, file)
    return Loaded(file, proto, hashlib.sha256(data).hexdigest())


def _error(code: str, message: str, file: Path, cure: str = _EXPORT_AGAIN) -> InputError:
    return InputError(Diagnostic(code, f"{file.name}: {message}", str(file), cure))


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        reason = error.strerror or type(error).__name__
        message = f"cannot read the model {file}: {reason}"
        raise UsageError(Diagnostic("SN600", message, str(file), "check the path")) from None


def _inline(proto: onnx.ModelProto, file: Path) -> None:
    """Check every external tensor's place, then read it into the model."""
    folder = file.parent.resolve()
    for tensor in external_data_helper._get_all_tensors(proto):
        if not external_data_helper.uses_external_data(tensor):
            continue
        _check_external(tensor, folder, file)
        try:
            external_data_helper.load_external_data_for_tensor(tensor, str(folder))
        except (OSError, ValueError, onnx.checker.ValidationError) as error:
            message = f"external data of tensor {tensor.name} cannot be read ({error})"
            raise _error("SN604", message, file) from None
        tensor.data_location = onnx.TensorProto.DEFAULT
        del tensor.external_data[:]


def _check_external(tensor: onnx.TensorProto, folder: Path, file: Path) -> None:
    entries = {entry.key: entry.value for entry in tensor.external_data}
    location = entries.get("location", "")
    where = f"external data of tensor {tensor.name}"
    target = (folder / location).resolve()
    if not location or Path(location).is_absolute() or not target.is_relative_to(folder):
        cure = "keep the data file in the model's own folder and export again"
        raise _error("SN604", f"{where} lies outside the model's folder: {location}", file, cure)
    if not target.is_file():
        cure = f"put {location} beside {file.name}: the model's weights lie in it"
        raise _error("SN604", f"{where} is missing: {location}", file, cure)
    size = target.stat().st_size
    try:
        end = int(entries.get("offset", 0)) + int(entries.get("length", 0))
    except ValueError:
        raise _error("SN604", f"{where} has no valid offset and length", file) from None
    if end > size:
        raise _error("SN604", f"{where} ends at byte {end}, {location} has {size} bytes", file)
