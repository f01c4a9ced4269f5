"""Networks on disk: `NET.snn` holds the text, `NET.snn.safetensors` beside it the arrays.

The sidecar is a safetensors file (no code, no pickle) whose keys are digests, so an array that two
tensors share lies in it once. Every array is checked against its digest on load.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import safetensors.numpy
from safetensors import SafetensorError, safe_open

from snnc.ir import model as m
from snnc.ir.diagnostics import Diagnostic, InputError, UsageError
from snnc.ir.parse import parse
from snnc.ir.print import to_text
from snnc.ir.tensors import Array, Shape, TensorRef, TensorStore

SUFFIX = ".safetensors"


def sidecar(path: str | os.PathLike[str]) -> Path:
    """Where the arrays of the network at `path` lie."""
    path = Path(path)
    return path.with_name(path.name + SUFFIX)


def to_bytes(network: m.Network, name: str = "network.snn") -> dict[str, bytes]:
    """Text and sidecar as bytes under their file names; the same network gives the same bytes.

    Raises:
        InputError: SN330 if the network has no text form, SN304 for arrays it does not have.
    """
    missing = [n for n, ref in sorted(network.tensors.items()) if ref not in network.store]
    if missing:
        message = "the network cannot be saved without the array of the tensor @{}"
        raise InputError(Diagnostic("SN304", message.format(n), f"tensor @{n}") for n in missing)
    digests = {ref.sha256: ref for _, ref in sorted(network.tensors.items())}
    arrays = {digest: network.store.get(ref) for digest, ref in sorted(digests.items())}
    text = to_text(network).encode("utf-8")
    return {name: text, name + SUFFIX: safetensors.numpy.save(arrays)}


def save(network: m.Network, path: str | os.PathLike[str]) -> None:
    """Write a network to `path` and its arrays beside it, each file whole or not at all.

    Raises:
        InputError: as `to_bytes`.
        UsageError: SN317, the files cannot be written (no such folder, read-only, disk full).
    """
    path = Path(path)
    files = to_bytes(network, path.name)
    # Arrays first: a text that is there always finds them.
    for name in sorted(files, key=len, reverse=True):
        _write(path.with_name(name), files[name])


def _write(path: Path, data: bytes) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        try:
            with temporary.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
    except OSError as error:
        message = f"cannot write the file: {error.strerror or error}"
        advice = "choose a folder that exists, can be written to and has room"
        raise UsageError(Diagnostic("SN317", message, str(path), advice)) from None


def load(path: str | os.PathLike[str]) -> m.Network:
    """The network at `path` with its arrays, each checked against its digest.

    Raises:
        UsageError: SN311, the file cannot be read; SN313, there is no sidecar.
        InputError: SN312 no UTF-8, SN320 to SN328 from the text, SN314 a broken sidecar,
            SN315 an array is missing, SN316 another type or shape, SN301 another digest.
    """
    path = Path(path)
    network = parse(_read_text(path), str(path))
    if network.tensors:
        _read_arrays(network.tensors, sidecar(path), network.store)
    return network


def _read_text(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        message = f"cannot read the network: {error.strerror or error}"
        raise UsageError(Diagnostic("SN311", message, str(path), "check the path")) from None
    except UnicodeDecodeError as error:
        message = f"the file is not UTF-8 text (byte {error.start})"
        advice = "give the .snn file; its arrays are found beside it"
        raise InputError(Diagnostic("SN312", message, str(path), advice)) from None


def _read_arrays(tensors: Mapping[str, TensorRef], path: Path, store: TensorStore) -> None:
    if not path.is_file():
        message = f"the arrays of the network are missing: there is no file {path.name}"
        advice = "keep the .snn file and its .safetensors file together"
        raise UsageError(Diagnostic("SN313", message, str(path), advice))
    try:
        # The safetensors package gives this context manager no type.
        with safe_open(path, framework="numpy") as file:
            found = list(_problems(tensors, file, store, str(path)))
    except (SafetensorError, OSError) as error:
        message = f"the file is damaged or no safetensors file: {error}"
        advice = "copy it again, or compile the model again"
        raise InputError(Diagnostic("SN314", message, str(path), advice)) from None
    if found:
        raise InputError(found)


def _problems(
    tensors: Mapping[str, TensorRef], file: Any, store: TensorStore, where: str
) -> Iterator[Diagnostic]:
    """Put the arrays into the store; yield what is wrong with those that are not as they should."""
    keys = set(file.keys())
    for name, ref in sorted(tensors.items()):
        wanted = f"the array of the tensor @{name}"
        if ref.sha256 not in keys:
            message = f"{wanted} is missing (key {ref.sha256[:12]}...)"
            yield Diagnostic("SN315", message, where, "the files are not of one network")
            continue
        dtype, shape = _kind(file, ref.sha256)
        if (dtype, shape) != (ref.dtype, ref.shape):
            found = f"{dtype}{list(shape)}"
            message = f"{wanted} is {found}, the network says {ref.dtype}{list(ref.shape)}"
            yield Diagnostic("SN316", message, where, "the files are not of one network")
            continue
        array: Array = file.get_tensor(ref.sha256)
        if store.add(array) != ref:
            message = f"{wanted} does not have the digest that the network says"
            advice = "the file was changed or damaged; copy it again, or compile again"
            yield Diagnostic("SN301", message, where, advice)


def _kind(file: Any, key: str) -> tuple[str, Shape]:
    """Element type, by the IR's name, and shape of an array before it is read."""
    entry = file.get_slice(key)
    return str(entry.get_dtype()).lower(), tuple(int(n) for n in entry.get_shape())
