"""`--check` of many programs in Lava at once: what, and with which networks."""

from __future__ import annotations

from pathlib import Path

import lava_tools
import numpy as np
from lava_tools import Done
from loihi_exits import policies
from loihi_networks import NETWORKS, build

CONVOLUTIONS = ("convolutions", "depthwise")
"""Networks that run on the event-driven model, too."""

EXITS = {"heads": ("patience", "internal", "margin"), "gated_heads": ("patience", "confidence")}
"""Which policies run in Lava; the judge is tested with all of them in `test_processes`."""

ELSEWHERE = ("hard", "poisson")
"""Networks whose equality `test_engine` looks at."""

CHECKED = tuple(name for name in NETWORKS if name not in ELSEWHERE)

SAMPLES = 2
SEED = 3
"""With it the samples of the networks with several heads stop at different steps and heads."""


def check_all(root: Path) -> dict[str, Done]:
    """Every network, with every exit policy, and one with a wrong weight."""
    jobs: dict[str, tuple[Path, list[str]]] = {}
    for name in CHECKED:
        folder = lava_tools.write(build(name), root / name, SAMPLES)
        jobs[name] = (folder, ["--check"])
    for name in CONVOLUTIONS:
        jobs[f"fast {name}"] = (jobs[name][0], ["--check", "--fast"])
    for name, chosen in EXITS.items():
        networks = policies(build(name, SEED))
        for policy in chosen:
            folder = lava_tools.write(networks[policy], root / f"{name}_{policy}", 4)
            jobs[f"{name} {policy}"] = (folder, ["--check"])
    jobs["wrong weight"] = (_wrong(root / "wrong weight"), ["--check"])
    done = lava_tools.run_many(list(jobs.values()))
    return dict(zip(jobs, done, strict=True))


def _wrong(folder: Path) -> Path:
    """A program one of whose weights is another than it was."""
    lava_tools.write(build("lenet"), folder)
    with np.load(folder / "weights.npz") as loaded:
        arrays = dict(loaded)
    arrays["conv2_from_pool1"][3] = -127
    np.savez(folder / "weights.npz", **arrays)
    return folder
