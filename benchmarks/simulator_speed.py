"""Speed of the reference simulator against onnxruntime's pass of the same network.

    SNNC_DATA=... python benchmarks/simulator_speed.py [--steps 32] [--rounds 7] [--threads N]

For each model it compiles the network (500 calibration images), then measures in turns, round by
round in one process, images per second of onnxruntime (its defaults, the best of several batch
sizes) and of the simulator at T steps. A simulator that did a time step as fast as onnxruntime does
its whole pass would have a ratio of 1: ratio = T * simulator rate / onnxruntime rate, of medians.
Peak memory is that of a process of its own that only runs the network.

Both engines choose their own instruction set: variables that hold OpenBLAS to an older one
(OPENBLAS_CORETYPE, OPENBLAS_L2_SIZE) are taken out of the environment unless `--as-is` is given.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from models import CALIBRATION, MODELS

import snnc
from snnc.backends.reference import Simulator
from snnc.data.dataset import open_data
from snnc.data.preprocessing import Preprocessing
from snnc.ir import storage

IMAGES = {"mnist_lenet": 256, "cifar10_vgg": 32}
"""Images per run of the simulator."""

HELD = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")

BATCHES = (1, 4, 8, 16, 32, 64, 128, 256)


def main() -> None:
    """Measure what the command line asks for."""
    args = parse()
    if args.memory:
        engine, path, images, steps = args.memory
        print(memory_of(engine, path, images, int(steps), args.threads))
        return
    if not args.as_is and any(name in os.environ for name in HELD):
        # OpenBLAS reads them when it is loaded, so this process cannot change its mind.
        free = {name: value for name, value in os.environ.items() if name not in HELD}
        os.execve(sys.executable, [sys.executable, *sys.argv], free)
    report: dict[str, Any] = {"environment": environment(), "steps": args.steps, "models": {}}
    for name in args.models:
        report["models"][name] = measure(name, args)
    print(json.dumps(report, indent=2) if args.json else table(report))


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--models", nargs="+", choices=sorted(IMAGES), default=list(IMAGES))
    parser.add_argument("--steps", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, help="threads of both engines (default: their own)")
    parser.add_argument("--as-is", action="store_true", help="keep OPENBLAS_CORETYPE")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--memory", nargs=4, help=argparse.SUPPRESS)
    return parser.parse_args()


def measure(name: str, args: argparse.Namespace) -> dict[str, Any]:
    """One model: rates in turns, then the memory of each engine alone."""
    chosen, count = MODELS[name], IMAGES[name]
    model = Path(chosen.path)
    preprocessing = Preprocessing(divide=chosen.divide, layout=chosen.layout)
    compiled = snnc.compile(
        model,
        calibration=chosen.split(CALIBRATION),
        preprocessing=preprocessing,
        steps=args.steps,
    )
    shape = compiled.network.inputs[0].shape
    data = chosen.split(f"test[:{max(BATCHES)}]")
    test = open_data(data, shape=shape, preprocessing=preprocessing)
    images = test.array()
    session = onnx_session(model, args.threads)
    simulator = Simulator(compiled.network, threads=args.threads)
    batch = max(BATCHES, key=lambda size: onnx_rate(session, images, size, 0.15))
    simulator.run(images[:count], steps=args.steps)
    rates: dict[str, list[float]] = {"onnxruntime": [], "simulator": []}
    for _ in range(args.rounds):
        rates["onnxruntime"].append(onnx_rate(session, images, batch, 0.4))
        start = time.perf_counter()
        simulator.run(images[:count], steps=args.steps)
        rates["simulator"].append(count / (time.perf_counter() - start))
    ann, snn = (statistics.median(rates[engine]) for engine in ("onnxruntime", "simulator"))
    return {
        "onnxruntime_images_per_second": ann,
        "onnxruntime_batch": batch,
        "simulator_images_per_second": snn,
        "simulator_batch": count,
        "ratio": args.steps * snn / ann,
        "rounds": rates,
        "peak_memory_mib": peaks(model, compiled.network, images[:count], args),
    }


def onnx_session(model: Path | str, threads: int | None) -> Any:
    """An onnxruntime session at its defaults."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    if threads:
        options.intra_op_num_threads = threads
    return onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])


def onnx_rate(session: Any, images: Any, batch: int, seconds: float) -> float:
    """Images per second over at least `seconds`."""
    name = session.get_inputs()[0].name
    parts = [images[i : i + batch] for i in range(0, len(images) - batch + 1, batch)]
    session.run(None, {name: parts[0]})
    done, start = 0, time.perf_counter()
    while time.perf_counter() - start < seconds:
        session.run(None, {name: parts[done % len(parts)]})
        done += 1
    return done * batch / (time.perf_counter() - start)


def peaks(model: Path, network: Any, images: Any, args: argparse.Namespace) -> dict[str, int]:
    """Peak memory of processes that only import, and only run one engine, in MiB."""
    with tempfile.TemporaryDirectory() as folder:
        saved, array = Path(folder) / "network.snn", Path(folder) / "images.npy"
        storage.save(network, saved)
        np.save(array, images)
        base = [sys.executable, __file__, "--memory"]
        found = {}
        for engine, path in (("nothing", saved), ("onnxruntime", model), ("simulator", saved)):
            command = [*base, engine, str(path), str(array), str(args.steps)]
            if args.threads:
                command += ["--threads", str(args.threads)]
            result = subprocess.run(command, check=True, capture_output=True, text=True)
            found[engine] = int(result.stdout)
        return found


def memory_of(engine: str, path: str, images_path: str, steps: int, threads: int | None) -> int:
    """Peak memory of this process in MiB after running one engine."""
    images = np.load(images_path)
    if engine == "simulator":
        Simulator(storage.load(path), threads=threads).run(images, steps=steps)
    elif engine == "onnxruntime":
        onnx_rate(onnx_session(path, threads), images, len(images), 0.1)
    # Not getrusage: its maximum survives exec, so a child would report its parent's.
    status = Path("/proc/self/status").read_text(encoding="ascii")
    peak = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(peak.split()[1]) // 1024


def environment() -> dict[str, Any]:
    """What the figures depend on."""
    import onnxruntime
    from threadpoolctl import threadpool_info

    blas = [i for i in threadpool_info() if i["user_api"] == "blas"]
    return {
        "machine": platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "blas": [f"{i['internal_api']} {i['version']} {i.get('architecture')}" for i in blas],
        "openblas_coretype": os.environ.get("OPENBLAS_CORETYPE"),
        "onnxruntime": onnxruntime.__version__,
        "load_before": round(os.getloadavg()[0], 2),
    }


def table(report: dict[str, Any]) -> str:
    """The report as text."""
    where = report["environment"]
    blas = ", ".join(where["blas"])
    first = (
        f"{where['cores']} cores, Python {where['python']}, NumPy {where['numpy']} with {blas}, "
        f"onnxruntime {where['onnxruntime']}; load before {where['load_before']}"
    )
    lines = [first]
    if where["openblas_coretype"]:
        lines.append(
            f"OPENBLAS_CORETYPE={where['openblas_coretype']} is set: NumPy is held to that "
            "instruction set, onnxruntime is not"
        )
    columns = (
        "model",
        "onnxruntime img/s (batch)",
        f"simulator img/s at T={report['steps']}",
        "ratio",
        "peak MiB: imports / onnxruntime / simulator (batch)",
    )
    lines += ["", f"| {' | '.join(columns)} |", f"|{'---|' * len(columns)}"]
    for name, row in report["models"].items():
        peak = row["peak_memory_mib"]
        lines.append(
            f"| {name} | {row['onnxruntime_images_per_second']:.0f} ({row['onnxruntime_batch']}) "
            f"| {row['simulator_images_per_second']:.1f} | {row['ratio']:.2f} "
            f"| {peak['nothing']} / {peak['onnxruntime']} / {peak['simulator']} "
            f"({row['simulator_batch']}) |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
