"""An exit policy that is given in full, with nothing to fit."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from snnc.diagnostics import Diagnostic, InputError
from snnc.exits.requests import given, parse_request
from snnc.ir import model as m
from snnc.ir.verify import verify
from snnc.passes.base import Context, Property
from snnc.passes.properties import NO_EXIT, SPIKING


@dataclass(frozen=True, slots=True, kw_only=True)
class SetExit:
    """Let samples stop early by a policy whose thresholds are known.

    `policy`: as in `snnc compile --exit`, in double quotes: `"confidence{threshold=0.6}"`,
    `"patience{repeats=3}"`, `"fixed{step=7}"`. What a policy leaves out and data would have to
    choose is refused; `snnc compile --exit` fits it on labelled data.
    """

    name: ClassVar[str] = "set-exit"
    requires: ClassVar[tuple[Property, ...]] = (SPIKING, NO_EXIT)
    ensures: ClassVar[tuple[Property, ...]] = (SPIKING,)
    policy: str

    def run(self, network: m.Network, context: Context) -> m.Network:
        """The network with the exit policy.

        Raises:
            UsageError: the policy cannot be read (SN70x), names a head that the network does not
                have (SN953), or is not given in full (SN954).
            InputError: the network cannot execute it (SN748).
        """
        changed = replace(network, exit=given(network, parse_request(self.policy)))
        broken = [d for d in verify(changed) if d.severity == "error"]
        if broken:
            reasons = "; ".join(d.message for d in broken)
            text = f"set-exit: the network cannot execute {self.policy}: {reasons}"
            raise InputError(Diagnostic("SN748", text, help=broken[0].help))
        return changed
