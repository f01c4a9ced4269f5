"""Programs under other compilers and for other processors, where these are installed."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import c_tools
import pytest
from loihi_networks import build, inputs_for
from loihi_timed import build_timed

from snnc.backends.c.emit import emit, sources
from snnc.ir import model as m

BARE = {
    "arm-none-eabi-gcc": ("-mcpu=cortex-m7", "-mcpu=cortex-m0"),
    "riscv64-unknown-elf-gcc": ("-march=rv32imc -mabi=ilp32",),
}
"""Compilers of bare cores, and what cores."""

EMULATED = {
    "aarch64-linux-gnu-gcc": "qemu-aarch64",
    "arm-linux-gnueabihf-gcc": "qemu-arm",
}
"""Compilers of other processors, and what runs their programs here."""


def required(name: str) -> str:
    """The path of a program; the test is skipped where there is none."""
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


def network(name: str) -> m.Network:
    return build_timed(name) if name.startswith("timed") else build(name)


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Between them all kinds of layers and inputs; tables where there can be some."""
    found = {}
    for name in ("convolutions", "events", "qffs", "timed_residual"):
        subject = network(name)
        rates = dict.fromkeys((p.name for p in subject.populations), 1.0)
        files = emit(subject, inputs_for(subject, 2)) | sources(subject, rates)
        found[name] = c_tools.write(tmp_path_factory.mktemp(name), files)
    return found


@pytest.mark.parametrize("name", ["convolutions", "events", "qffs", "timed_residual"])
def test_clang_builds_it_without_a_warning(name: str, programs: dict[str, Path]) -> None:
    """Under clang's sanitizers, some of whose checks GCC has not; one optimised, too."""
    clang = required("clang")
    optimised = [("-O1",)] if name == "convolutions" else []
    for options in (c_tools.SANITIZED, *optimised):
        done = c_tools.build(programs[name], *options, compiler=clang)
        if "clang_rt" in done.stderr:
            pytest.skip("clang has no sanitizers here")
        assert done.returncode == 0, done.stderr
        done = c_tools.check(programs[name])
        assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("compiler", EMULATED)
def test_other_processors_send_the_same_spikes(compiler: str, programs: dict[str, Path]) -> None:
    path, emulator = required(compiler), required(EMULATED[compiler])
    for name in ("convolutions", "timed_residual"):
        done = c_tools.build(programs[name], "-O1", "-DSNN_SMALL", "-static", compiler=path)
        assert done.returncode == 0, done.stderr
        done = c_tools.check(programs[name], emulator=(emulator,))
        assert (done.returncode, done.stderr) == (0, "")
        assert "every spike equal" in done.stdout


def undefined(compiler: str, options: tuple[str, ...], folder: Path) -> set[str]:
    """Names that the objects of a program want from elsewhere."""
    command = [compiler, *c_tools.WARNINGS, "-O1", *options, "-c", "program.c", "weights.c"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    symbols = subprocess.run(
        ["nm", "-u", "program.o"], cwd=folder, capture_output=True, text=True, check=True
    )
    names = {line.split()[-1] for line in symbols.stdout.splitlines()}
    own = ("weight_", "bias_", "threshold_", "v_init_", "worth_")
    return {name for name in names if not name.startswith(own)}


MEMORY = {"memcpy", "memset", "memmove"}
ROUNDING = {"floorf", "rintf"}
SUPPORT = {"_GLOBAL_OFFSET_TABLE_", "__stack_chk_fail", "__popcountdi2", "__ctzdi2"}
"""What compilers call by themselves; arithmetic of a core without it comes as `__aeabi_...`."""


def test_a_program_needs_nothing_but_memory_functions(tmp_path: Path) -> None:
    """No system calls, no heap: with the compiler of this machine."""
    assert c_tools.COMPILER is not None
    folder = c_tools.write(tmp_path, sources(build("lenet")))
    wanted = undefined(c_tools.COMPILER, ("-ffreestanding",), folder)
    assert "memcpy" in wanted
    assert wanted <= MEMORY | ROUNDING | SUPPORT


@pytest.mark.parametrize(("compiler", "core"), [(c, core) for c in BARE for core in BARE[c]])
def test_a_bare_core_needs_nothing_but_memory_functions(
    compiler: str, core: str, tmp_path: Path
) -> None:
    path = required(compiler)
    folder = c_tools.write(tmp_path, sources(build("lenet")))
    wanted = {n for n in undefined(path, tuple(core.split()), folder) if "__aeabi_" not in n}
    assert wanted <= MEMORY | ROUNDING | SUPPORT
