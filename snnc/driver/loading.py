"""`snnc.load`: a program directory or a `.snn` file as a `Compiled`."""

from __future__ import annotations

from os import PathLike, fspath
from pathlib import Path
from typing import Any, Literal

from snnc.data.preprocessing import Preprocessing
from snnc.diagnostics import Diagnostic, InputError, UsageError
from snnc.driver.compiled import Compiled
from snnc.ir import storage
from snnc.ir.model import Network
from snnc.ir.verify import verify

Kind = Literal["onnx", "snn", "program"]

KINDS = "an ONNX model (.onnx), a network (.snn) or a program directory"


def kind_of(path: str | PathLike[str]) -> Kind:
    """What a path on the command line is, by its name and what lies there.

    Raises:
        UsageError: nothing is there (SN920), or nothing that snnc reads (SN924).
    """
    place = Path(path)
    if not place.exists():
        raise UsageError(Diagnostic("SN920", f"{fspath(path)} does not exist", where=fspath(path)))
    if place.is_dir():
        if (place / "manifest.json").is_file():
            return "program"
        text = f"{fspath(path)} is a folder without manifest.json; expected {KINDS}"
        raise UsageError(Diagnostic("SN924", text, where=fspath(path)))
    return "snn" if place.suffix == ".snn" else "onnx"


def load(path: str | PathLike[str]) -> Compiled:
    """Read a program directory that `snnc compile` wrote, or a single `.snn` network.

    Raises:
        UsageError: the path is neither (SN920, SN924).
        InputError: a file is damaged or has another digest than the manifest says (SN90x, SN3xx),
            or the network breaks a rule of the IR (SN1xx to SN4xx).
    """
    kind = kind_of(path)
    if kind == "onnx":
        text = f"{fspath(path)} is not a compiled network"
        cure = "compile it first: `snnc compile MODEL.onnx -o DIR`"
        raise UsageError(Diagnostic("SN924", text, where=fspath(path), help=cure))
    if kind == "snn":
        network = read_network(Path(path))
        steps = network.schedule.steps if network.schedule is not None else 0
        ann = network if network.stage == "ann" else None
        return Compiled(network, ann, steps=steps, path=fspath(path))
    return _load_program(Path(path))


def read_network(path: Path) -> Network:
    """The network of a `.snn` file, which may have been edited by hand, so all rules are checked.

    Raises:
        UsageError: the file or its arrays cannot be read (SN31x).
        InputError: it is damaged (SN3xx), or breaks a rule of the IR (SN1xx to SN4xx).
    """
    network = storage.load(path)
    broken = [found for found in verify(network) if found.severity == "error"]
    if broken:
        raise InputError(broken)
    return network


def _load_program(path: Path) -> Compiled:
    from snnc.program import load_program

    program = load_program(path)
    manifest: dict[str, Any] = dict(program.manifest)
    network = read_network(path / "network.snn")
    try:
        return Compiled(
            network,
            _if_there(path / "ann.snn", "ann"),
            quantised=_if_there(path / "quantised.snn", "ann"),
            fractions=_if_there(path / "fractions.snn", "snn"),
            target=str(manifest["target"]),
            steps=int(manifest["steps"]),
            seed=int(manifest["seed"]),
            preprocessing=Preprocessing.from_dict(manifest["preprocessing"]),
            report=read_report(path),
            model_sha256=str(manifest["model"]["sha256"]),
            calibration_record=dict(manifest["calibration"]),
            path=fspath(path),
        )
    except (KeyError, TypeError, ValueError) as error:
        text = f"the manifest does not say what it should: {type(error).__name__} {error}"
        where = str(path / "manifest.json")
        raise InputError(Diagnostic("SN941", text, where=where, help="compile again")) from None


def _if_there(path: Path, stage: str) -> Network | None:
    """The network of a stage in a file of a program directory; None where there is no file."""
    if not path.exists():
        return None
    network = read_network(path)
    if network.stage != stage:
        text = f"the network is at stage {network.stage} instead of {stage}"
        raise InputError(Diagnostic("SN941", text, where=str(path), help="compile again"))
    return network


def read_report(path: Path) -> dict[str, Any]:
    """The report of a program directory, a JSON object.

    Raises:
        InputError: SN941, it is not a JSON object.
    """
    import json

    place = path / "report.json"
    try:
        report = json.loads(place.read_text(encoding="utf-8"))
    except ValueError as error:
        raise InputError(Diagnostic("SN941", f"not JSON: {error}", where=str(place))) from None
    if not isinstance(report, dict):
        raise InputError(Diagnostic("SN941", "not a JSON object", where=str(place)))
    return report
