"""Names of the IR as attributes of Lava processes."""

from __future__ import annotations

import keyword
import re

_TAKEN = frozenset(
    (
        # of AbstractProcess and AbstractSubProcessModel in Lava 0.10.0
        *("id", "name", "log", "procs", "vars", "proc_params", "parent_proc", "model"),
        *("in_ports", "out_ports", "ref_ports", "var_ports", "runtime", "model_class"),
        *("run", "wait", "pause", "stop", "save", "load", "compile", "create_runtime"),
        *("register_sub_procs", "validate_var_aliases", "is_sub_proc_of", "is_compiled"),
        *("propagate_folded_views", "folded_view", "folded_view_inst_id", "find_sub_procs"),
        *("implements_process", "required_resources"),
        *("implements_protocol", "tags", "loglevel", "mro", "get_loglevel"),
        # of the program around them
        *("proc", "w", "steps", "window", "weights", "self"),
    )
)
_UNSAFE = re.compile(r"[^A-Za-z0-9_]")


class Names:
    """Gives every name of the IR an identifier of its own, in the order in which it is asked."""

    def __init__(self) -> None:
        self._given: set[str] = set()

    def new(self, wish: str) -> str:
        """An identifier like `wish` that nothing else has."""
        stem = _UNSAFE.sub("_", wish).strip("_") or "layer"
        if stem[0].isdigit():
            stem = f"n{stem}"
        found, number = stem, 1
        while found in self._given or found in _TAKEN or keyword.iskeyword(found):
            number += 1
            found = f"{stem}_{number}"
        self._given.add(found)
        return found
