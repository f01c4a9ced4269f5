"""Input spikes for NSCS: text files `.sfti`, a JSON object for each spike.

A spike of `srcTime` t is at its axon in tick t + 1 (`defaultDestinationDelay` 1), so that none can
be there in tick 0. Maps with pins that need that are written one tick later, see `nscs_late`.
"""

from __future__ import annotations

import json

import numpy as np

from snnc.backends.truenorth.core_map import CoreMap
from snnc.backends.truenorth.nscs_late import lateness
from snnc.backends.truenorth.packets import host_packets
from snnc.diagnostics import Diagnostic, InputError
from snnc.ir.tensors import Array

DELAY = 1
_HEADER = (
    '{"class":"SpikeWriter","encoding":"TEXT","nscsVersion":"1.4.0"}\n'
    '{"version":"sfti1.0", "defaultDestinationDelay" : 1}\n'
)


def to_sfti(core_map: CoreMap, pins: Array, ticks: int) -> tuple[bytes, int]:
    """The input of one sample, and by how many ticks the run is later than ours: 0 or 1.

    Args:
        core_map: legal.
        pins: bool (steps, P): the spikes of the input pins (`sample_pins`).
        ticks: of the run.

    Raises:
        InputError: SN577, the array does not fit.
    """
    late = lateness(core_map)
    lines = [
        f'{{"spike":{{"srcTime":{tick + late - DELAY},"destCore":{core},"destAxon":{axon}}}}}\n'
        for tick, core, axon in host_packets(core_map, pins, ticks).tolist()
    ]
    return (_HEADER + "".join(lines)).encode(), late


def read_sfti(content: bytes) -> Array:
    """The arrivals of such a file: int64 (K, 3) of tick, core and axon.

    Raises:
        InputError: SN579.
    """
    try:
        _, version, *lines = content.decode("utf-8").splitlines()
        delay = json.loads(version)["defaultDestinationDelay"]
        spikes = [json.loads(line)["spike"] for line in lines if line.strip()]
        rows = [[s["srcTime"] + delay, s["destCore"], s["destAxon"]] for s in spikes]
        return np.array(rows, np.int64).reshape(-1, 3)
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
        message = f"the spikes for NSCS cannot be read: {error}"
        raise InputError(Diagnostic("SN579", message)) from error
