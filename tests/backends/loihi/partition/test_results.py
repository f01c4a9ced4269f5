"""Results as JSON objects."""

from __future__ import annotations

import json

from layout_networks import chip, vector

from snnc.backends.loihi.fit import fit
from snnc.backends.loihi.partition.results import Finding


def test_a_finding_names_the_layer_the_limit_and_both_numbers() -> None:
    expected = {"layer": "fc", "limit": "input axons per core", "count": 5, "allowed": 4}
    assert Finding("fc", "input axons per core", 5, 4).as_dict() == expected


def test_a_fit_is_json_with_all_its_fields() -> None:
    found = fit(vector(3, 2), chip())
    data = found.as_dict()
    assert json.loads(json.dumps(data, allow_nan=False)) == data
    assert data["layers"][0] == {
        "name": "fc",
        "onnx_nodes": [],
        "neurons": 2,
        "compartments_per_neuron": 1,
        "shape": [2, 1, 1],
        "tile": [2, 1, 1],
        "cores": 1,
        "compartments": 2,
        "input_axons": 3,
        "output_axon_entries": 0,
        "memory_bytes": 24,
        "memory_words": 3,
        "thresholds": 1,
        "utilisation": {
            "compartments": 2 / 1024,
            "input axons": 3 / 4096,
            "output axon entries": 0.0,
            "synapse memory bytes": 24 / 131072,
        },
        "binds": "compartments",
        "binding_share": 2 / 1024,
    }
    assert data["inputs"] == [{"name": "x", "neurons": 3, "output_axon_entries": 3}]
    assert (data["cores"], data["chips"], data["cores_per_chip"]) == (1, 1, 128)
