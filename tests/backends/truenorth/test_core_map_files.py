"""Core maps as files: the same map comes back, the bytes are stable, damage is refused."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import fields
from typing import Any

import numpy as np
import pytest
from core_maps import changed, layered_map, random_map

from snnc.backends.truenorth.core_map import CoreMap
from snnc.backends.truenorth.fields import FIELDS
from snnc.backends.truenorth.files import JSON, NPZ, from_files, to_files
from snnc.diagnostics import InputError
from snnc.ir.npz import npy_bytes, npz_bytes
from snnc.ir.tensors import Array


def equal(a: CoreMap, b: CoreMap) -> bool:
    same = [np.array_equal(getattr(a, f.name), getattr(b, f.name)) for f in fields(CoreMap)]
    kinds = [getattr(a, n).dtype == getattr(b, n).dtype for n in FIELDS]
    return all(same) and all(kinds)


@pytest.mark.parametrize(
    "core_map", [layered_map(ticks_per_step=3), random_map(0), random_map(1, 1)]
)
def test_a_map_comes_back_from_its_files(core_map: CoreMap) -> None:
    files = to_files(core_map)
    assert equal(from_files(files), core_map)
    assert to_files(from_files(files)) == files
    assert from_files(files).spec == core_map.spec


def test_other_maps_have_other_files() -> None:
    other = changed(layered_map(), leaks={(0, 0): 1})
    assert to_files(layered_map()) != to_files(other)
    assert not equal(from_files(to_files(other)), layered_map())


def test_the_text_says_what_is_on_the_map() -> None:
    text = json.loads(to_files(layered_map())[JSON])
    assert text["schema"] == "snnc.coremap/1"
    assert text["counts"] == {
        "compute_cores": 2, "splitter_cores": 1, "clock_cores": 0, "partial_cores": 0,
        "gate_cores": 0, "neurons": 7, "to_cores": 5, "to_outputs": 2, "pin_entries": 4,
        "synapses": 12,
    }  # fmt: skip
    assert text["layers"][1] == {"name": "b", "first_tick": 3, "code": "1b"}
    assert text["arrays"]["sha256"] == hashlib.sha256(to_files(layered_map())[NPZ]).hexdigest()


def with_text(change: Callable[[dict[str, Any]], Any]) -> dict[str, bytes]:
    files = to_files(layered_map())
    text = json.loads(files[JSON])
    change(text)
    return files | {JSON: json.dumps(text).encode()}


def with_arrays(**arrays: Array | None) -> dict[str, bytes]:
    """Files in which arrays are others, or gone, with the right digest."""
    own = {name: getattr(layered_map(), name) for name in FIELDS} | arrays
    content = npz_bytes({name: array for name, array in own.items() if array is not None})
    digest = hashlib.sha256(content).hexdigest()
    return with_text(lambda t: t["arrays"].update(sha256=digest)) | {NPZ: content}


def with_content(content: bytes) -> dict[str, bytes]:
    digest = hashlib.sha256(content).hexdigest()
    return with_text(lambda t: t["arrays"].update(sha256=digest)) | {NPZ: content}


TEXTS: list[tuple[str, Callable[[dict[str, Any]], Any]]] = [
    ("schema is 'snnc.coremap/2'", lambda t: t.update(schema="snnc.coremap/2")),
    ("no entry schema", lambda t: t.pop("schema")),
    ("schema is no text", lambda t: t.update(schema=1)),
    ("missing or were added: more", lambda t: t.update(more=1)),
    ("missing or were added: pins", lambda t: t.pop("pins")),
    ("name is no text", lambda t: t.update(name=["x"])),
    ("outputs is no whole number", lambda t: t.update(outputs=2.0)),
    ("outputs is no whole number", lambda t: t.update(outputs=True)),
    ("ticks_per_step is no whole number", lambda t: t.update(ticks_per_step=1 << 40)),
    ("roles", lambda t: t.update(roles=["compute"])),
    ("first_tick", lambda t: t["layers"][0].pop("first_tick")),
    ("layers 1", lambda t: t["layers"].__setitem__(1, 7)),
    ("layers is no list", lambda t: t.update(layers={})),
    ("first_tick is no whole", lambda t: t["layers"][0].update(first_tick="1")),
    ("corelets is no list of texts", lambda t: t.update(corelets=[1])),
    ("grid is no pair", lambda t: t["chip"].update(grid=[64])),
    ("grid is no whole number", lambda t: t["chip"].update(grid=[64, None])),
    ("not positive", lambda t: t["chip"].update(neurons=0)),
    ("missing or were added: axons", lambda t: t["chip"].pop("axons")),
    ("not in coremap.npz", lambda t: t["arrays"].update(file="../x.npz")),
    ("count of synapses is wrong", lambda t: t["counts"].update(synapses=3)),
    ("no entry neurons", lambda t: t["counts"].pop("neurons")),
    ("count of cores is wrong", lambda t: t.update(cores=4)),
]


@pytest.mark.parametrize(("text", "change"), TEXTS)
def test_a_text_that_is_not_of_the_schema_is_refused(
    text: str, change: Callable[[dict[str, Any]], Any]
) -> None:
    with pytest.raises(InputError, match=f"SN580(.|\n)*{text}"):
        from_files(with_text(change))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[1]",
        b"null",
        b"\xff",
        b'{"schema": NaN}',
        b'{"schema": 1, "schema": 1}',
        b"[" * 9999,
    ],
)
def test_what_is_no_json_object_is_refused(content: bytes) -> None:
    with pytest.raises(InputError, match="SN580"):
        from_files(to_files(layered_map()) | {JSON: content})


@pytest.mark.parametrize("name", [JSON, NPZ])
def test_a_missing_file_is_refused(name: str) -> None:
    files = to_files(layered_map())
    del files[name]
    with pytest.raises(InputError, match=rf"SN580.*there is no {name}"):
        from_files(files)


def test_another_digest_is_refused() -> None:
    files = to_files(layered_map())
    with pytest.raises(InputError, match=r"SN581.*digest"):
        from_files(files | {NPZ: to_files(random_map(0))[NPZ]})
    with pytest.raises(InputError, match=r"SN581.*digest"):
        from_files(files | {NPZ: files[NPZ][:-1]})


@pytest.mark.parametrize("cut", [0, 1, 100, 1000, -1, -30])
def test_a_broken_archive_is_refused(cut: int) -> None:
    content = to_files(layered_map())[NPZ][:cut]
    with pytest.raises(InputError, match=r"SN581.*no archive"):
        from_files(with_content(content))


def test_damage_inside_an_archive_is_refused() -> None:
    content = bytearray(to_files(layered_map())[NPZ])
    refused = 0
    for place in range(40, len(content), 97):
        damaged = content.copy()
        damaged[place] ^= 0xFF
        try:
            assert equal(from_files(with_content(bytes(damaged))), layered_map())
        except InputError:
            refused += 1
    assert refused > 20


def test_an_array_alone_is_no_archive() -> None:
    with pytest.raises(InputError, match="SN581"):
        from_files(with_content(npy_bytes(np.zeros(3))))


def test_arrays_of_another_kind_are_refused() -> None:
    with pytest.raises(InputError, match=r"SN580.*missing or were added: leaks"):
        from_files(with_arrays(leaks=None))
    with pytest.raises(InputError, match=r"SN580.*missing or were added: more"):
        from_files(with_arrays(more=np.zeros(3)))
    with pytest.raises(InputError, match=r"SN565.*leaks is float32"):
        from_files(with_arrays(leaks=layered_map().leaks.astype(np.float32)))
    with pytest.raises(InputError, match=r"SN565.*leaks"):
        from_files(with_arrays(leaks=layered_map().leaks[:2]))
    with pytest.raises(InputError, match=r"SN565.*axon types"):
        from_files(with_arrays(axon_types=np.full((3, 256), 9, np.uint8)))
