"""`snnc inspect --mesh`: the picture of a core map, read from a program directory."""

from __future__ import annotations

from pathlib import Path

from snnc.cli.console import Output
from snnc.diagnostics import Diagnostic, UsageError

SUFFIXES = (".svg", ".png", ".txt")


def draw_mesh(out: Output, program: Path, file: Path) -> int:
    """Write the picture in the format that the file's name ends in.

    Raises:
        UsageError: another format (SN936), or no core map (SN598).
        InputError: the core map is broken (SN565 to SN585, SN597).
    """
    from snnc.backends.truenorth.load import load_map
    from snnc.backends.truenorth.picture import mesh_png, mesh_svg, mesh_text
    from snnc.cli.files import check_writable, write_atomic
    from snnc.driver.loading import load

    if file.suffix not in SUFFIXES:
        text = f"--mesh draws {', '.join(SUFFIXES)}, and {file.name} is none of them"
        raise UsageError(Diagnostic("SN936", text, "--mesh"))
    check_writable(file)
    core_map = load_map(program, load(program).network)
    if file.suffix == ".png":
        content = mesh_png(core_map)
    else:
        content = (mesh_svg if file.suffix == ".svg" else mesh_text)(core_map).encode()
    write_atomic(file, content)
    out.result({"program": str(program), "mesh": str(file)}, f"written    {file}")
    return 0
