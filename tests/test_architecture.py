"""Rules that hold the code together: who imports whom, what nobody does, how long a file is."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = {"snnc": "snnc", "ir": "snnc.ir", "backends": "snnc.backends"}
CODE = sorted(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py"))
EVERYTHING = sorted(
    {
        *CODE,
        *(
            path
            for folder in ("tests", "tools", "benchmarks", "examples")
            for path in (ROOT / folder).rglob("*.py")
        ),
    }
)

# What the modules under a prefix may import of snnc. Everything not named is forbidden.
MAY_IMPORT: dict[str, tuple[str, ...]] = {
    "snnc.ir": ("snnc.ir",),
    "snnc.diagnostics": ("snnc.ir.diagnostics",),
    "snnc.options": ("snnc.ir", "snnc.diagnostics"),
    "snnc.backends": ("snnc.backends", "snnc.ir", "snnc.diagnostics", "snnc.templates"),
    # Fitting exits is arithmetic on recorded read-outs: it simulates and loads nothing.
    "snnc.exits": ("snnc.exits", "snnc.ir", "snnc.options", "snnc.diagnostics"),
}
# What the modules under a prefix must not import; `snnc.cli` sees all and nobody sees it.
DRIVER = ("snnc.cli", "snnc.compiler", "snnc.driver", "snnc.program")
MUST_NOT_IMPORT: dict[str, tuple[str, ...]] = {
    "snnc.frontend": (*DRIVER, "snnc.backends", "snnc.passes", "snnc.evaluation"),
    "snnc.passes": (*DRIVER, "snnc.frontend", "snnc.evaluation"),
    "snnc.data": (*DRIVER, "snnc.backends", "snnc.frontend", "snnc.passes", "snnc.evaluation"),
    "snnc.evaluation": ("snnc.cli", "snnc.program"),
    "snnc.compiler": ("snnc.cli",),
    "snnc.driver": ("snnc.cli",),
    "snnc.program": ("snnc.cli",),
}
HEAVY = ("lark", "lava", "matplotlib", "onnx", "onnx_ir", "onnxruntime", "onnxscript", "PIL")
SLOW = (*HEAVY, "rich", "safetensors", "scipy", "sklearn", "typer")
LONGEST_FILE = 400


def module_name(path: Path) -> str:
    folder, *inner = path.relative_to(ROOT).with_suffix("").parts
    parts = [FOLDERS[folder], *inner]
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(tree: ast.AST) -> Iterator[str]:
    """Dotted names of all that is imported, at the top and inside functions alike."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module or ''}.{alias.name}" for alias in node.names)


def under(name: str, prefixes: tuple[str, ...]) -> bool:
    """Whether a name is one of the prefixes or lies below one; `snnc.program_x` counts too."""
    return any(
        name == p or name.startswith(f"{p}.") or (p != "snnc.ir" and name.startswith(f"{p}_"))
        for p in prefixes
    )


def faults_of(module: str, imported: list[str]) -> list[str]:
    """What a module imports against the rules."""
    faults = []
    for name in imported:
        ours = name.split(".")[0] == "snnc"
        for prefix, allowed in MAY_IMPORT.items():
            if ours and under(module, (prefix,)) and not under(name, allowed):
                faults.append(f"{module} imports {name}; allowed: {', '.join(allowed)}")
        for prefix, forbidden in MUST_NOT_IMPORT.items():
            if under(module, (prefix,)) and under(name, forbidden):
                faults.append(f"{module} imports {name}")
        if name.split(".")[0] == "lava":
            faults.append(f"{module} imports lava, which runs in a process of its own")
    return faults


def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


@pytest.mark.parametrize("path", CODE, ids=module_name)
def test_imports_go_in_the_allowed_direction(path: Path) -> None:
    assert faults_of(module_name(path), list(imports(parsed(path)))) == []


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("snnc.ir.model", "from snnc.options import build"),
        ("snnc.ir.model", "def f():\n    import snnc.frontend.importer"),
        ("snnc.backends.reference.simulator", "from snnc.evaluation import energy"),
        ("snnc.backends.base", "from snnc.passes import PASSES"),
        ("snnc.passes.normalize", "from snnc.cli.app import main"),
        ("snnc.frontend.importer", "from snnc.program import write_program"),
        ("snnc.evaluation.accuracy", "import snnc.cli"),
        ("snnc.backends.loihi", "import lava.magma"),
        ("snnc.backends.reference.simulator", "from snnc.exits.asked import asked"),
        ("snnc.ir.decide", "from snnc.exits.scan import scan"),
        *(
            ("snnc.exits.fit", f"from {package} import anything")
            for package in (
                "snnc.backends.reference",
                "snnc.cli.app",
                "snnc.data.dataset",
                "snnc.driver.exits",
                "snnc.evaluation.judge",
                "snnc.frontend.importer",
                "snnc.passes.base",
                "snnc.program",
            )
        ),
    ],
)
def test_the_check_of_imports_finds_a_forbidden_one(module: str, source: str) -> None:
    assert faults_of(module, list(imports(ast.parse(source)))) != []


@pytest.mark.parametrize("path", CODE, ids=module_name)
def test_nothing_is_evaluated_or_unpickled(path: Path) -> None:
    tree = parsed(path)
    assert not {n.split(".")[0] for n in imports(tree)} & {
        "pickle",
        "dill",
        "cloudpickle",
        "shelve",
    }
    assert forbidden_calls(tree) == []


def forbidden_calls(tree: ast.AST) -> list[str]:
    """Calls of eval and exec by name, and any `allow_pickle` that is not False."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            if isinstance(node.func, ast.Name) and node.func.id in ("eval", "exec"):
                found.append(f"line {node.lineno}: {node.func.id}")
            for keyword in node.keywords:
                safe = isinstance(keyword.value, ast.Constant) and keyword.value.value is False
                if keyword.arg == "allow_pickle" and not safe:
                    found.append(f"line {node.lineno}: allow_pickle")
    return found


@pytest.mark.parametrize("source", ["eval('1')", "exec(text)", "np.load(f, allow_pickle=True)"])
def test_the_check_of_calls_finds_a_forbidden_one(source: str) -> None:
    assert forbidden_calls(ast.parse(source)) != []


@pytest.mark.parametrize("path", EVERYTHING, ids=lambda p: str(p.relative_to(ROOT)))
def test_no_file_is_longer_than_four_hundred_lines(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").count("\n")
    assert lines <= LONGEST_FILE


def modules_after(statement: str) -> set[str]:
    """Top-level modules loaded by a fresh interpreter that runs one statement."""
    code = f"{statement}\nimport sys\nprint(*sorted({{m.split('.')[0] for m in sys.modules}}))"
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
        env=environment,
    )
    return set(done.stdout.split())


def test_importing_snnc_loads_nothing_slow() -> None:
    assert not modules_after("import snnc") & set(SLOW)


@pytest.mark.parametrize("module", ["snnc.ir.model", "snnc.backends.reference.simulator"])
def test_the_ir_and_the_simulator_need_numpy_and_no_model_library(module: str) -> None:
    assert not modules_after(f"import {module}") & set(HEAVY)


def test_the_check_of_loaded_modules_sees_a_heavy_one() -> None:
    assert "onnx" in modules_after("import onnx")
