"""What the templates need to know of the exit policy."""

from __future__ import annotations

from typing import Any

from snnc.backends.c.arrays import Constant
from snnc.ir import model as m
from snnc.ir.exits import asked_heads, deadline
from snnc.ir.head_windows import head_windows


def describe_exit(network: m.Network) -> tuple[dict[str, Any] | None, list[Constant]]:
    """The context of `exit.c.j2`, None without a policy, and its tables."""
    policy = network.exit
    if policy is None or network.schedule is None:
        return None, []
    names = [head.name for head in network.heads]
    asked = [names.index(name) for name in asked_heads(policy)]
    found: dict[str, Any] = {
        "asked": asked,
        "deadline": deadline(policy, network.schedule.steps),
        "final": len(names) - 1,
        "numbers": [],
        "shifts": [],
        "columns": 0,
        "windows": [],
    }
    if isinstance(network.schedule, m.Phased):
        windows = head_windows(network)
        found["windows"] = [windows[name] for name in asked_heads(policy)]
    tables: list[Constant] = []
    if isinstance(policy, m.Fixed):
        found |= {"kind": "fixed", "text": f"Every sample stops after {policy.step} time steps."}
        return found | {"first": policy.step, "earliest": policy.step, "final": asked[0]}, []
    found["first"] = found["earliest"] = policy.first_step
    if isinstance(policy, m.Patience):
        found["earliest"] = max(policy.first_step, min(policy.repeats))
        found |= {"kind": "patience", "numbers": list(policy.repeats)}
    elif isinstance(policy, m.IntegerMargin):
        found |= {"kind": "margin", "numbers": list(policy.limits)}
    else:
        assert isinstance(policy, m.IntegerConfidence)
        table = network.array(policy.tables)
        tables.append(Constant("exit_table", table.astype("int64"), "(heads, columns)"))
        found |= {"kind": "confidence", "numbers": list(policy.limits)}
        found |= {"shifts": list(policy.shifts), "columns": table.shape[1]}
    if found["windows"]:
        begins = min(window.start for window in found["windows"])
        found["earliest"] = max(found["earliest"], begins)
    found["text"] = f"Exit policy {found['kind']}: a sample stops as soon as a head is sure."
    return found, tables
