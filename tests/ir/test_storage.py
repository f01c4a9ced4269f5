"""Networks on disk: what is saved is loaded, and whatever is damaged is found and named."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy
from strategies import random_network

from snnc.ir import model as m
from snnc.ir import storage
from snnc.ir.diagnostics import InputError, SnncError, UsageError
from snnc.ir.storage import load, save, sidecar, to_bytes
from snnc.ir.tensors import TensorRef, TensorStore


def network() -> m.Network:
    dense = m.Dense(m.Ref("w"))
    a = m.Population("a", (2,), m.Relu(), bias=m.Ref("b"), incoming=(m.Incoming("x", (dense,)),))
    same = m.Population("c", (2,), m.Relu(), bias=m.Ref("d"), incoming=(m.Incoming("a"),))
    made = m.Network(
        name="net",
        stage="ann",
        inputs=(m.Input("x", "f32", (3,)),),
        populations=(a, same),
        heads=(m.Head("final", "c", m.Logits()),),
    )
    bias = np.array([1.0, -2.0])
    return made.with_arrays({"w": np.ones((2, 3), np.float32), "b": bias, "d": bias})


def codes(path: Path, kind: type[SnncError]) -> list[str]:
    with pytest.raises(kind) as caught:
        load(path)
    assert all(d.where and d.help for d in caught.value.diagnostics)
    return [d.code for d in caught.value.diagnostics]


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    path = tmp_path / "net.snn"
    save(network(), path)
    return path


def edit(path: Path, change: dict[str, np.ndarray | None]) -> None:
    """Replace (or with None remove) arrays in a sidecar, by tensor name."""
    table = network().tensors
    arrays = safetensors.numpy.load_file(sidecar(path))
    for name, array in change.items():
        del arrays[table[name].sha256]
        if array is not None:
            arrays[table[name].sha256] = array
    safetensors.numpy.save_file(arrays, sidecar(path))


def test_what_is_saved_is_loaded_with_its_arrays(tmp_path: Path) -> None:
    for seed in range(30):
        for stage in ("ann", "snn", "fixed"):
            original = random_network(seed, stage)
            path = tmp_path / f"{stage}{seed}.snn"
            save(original, path)
            loaded = load(path)
            assert loaded == original
            for name in original.tensors:
                array = loaded.array(m.Ref(name))
                expected = original.array(m.Ref(name))
                assert array.dtype == expected.dtype
                assert np.array_equal(array, expected)
                assert not array.flags.writeable


def test_an_array_that_two_tensors_share_is_stored_once(saved: Path) -> None:
    assert len(safetensors.numpy.load_file(sidecar(saved))) == 2


def test_a_network_without_tensors_loads(tmp_path: Path) -> None:
    population = m.Population("a", (1,), m.Relu(), incoming=(m.Incoming("x"),))
    heads = (m.Head("h", "a", m.Logits()),)
    bare = m.Network("n", "ann", (m.Input("x", "f32", (1,)),), (population,), heads)
    save(bare, tmp_path / "n.snn")
    assert load(tmp_path / "n.snn") == bare


def test_the_same_network_gives_the_same_bytes_however_its_tensors_were_added() -> None:
    one = network()
    other = TensorStore()
    for name in reversed(list(one.tensors)):
        other.add(one.array(m.Ref(name)))
    other.add(np.zeros(7))
    shuffled = m.Network(
        one.name,
        one.stage,
        one.inputs,
        one.populations,
        one.heads,
        tensors=dict(reversed(list(one.tensors.items()))),
        store=other,
    )
    assert to_bytes(one) == to_bytes(shuffled)
    assert list(to_bytes(one)) == ["network.snn", "network.snn.safetensors"]


def test_saving_again_replaces_both_files_and_leaves_nothing_else(saved: Path) -> None:
    changed = network().with_arrays({"w": np.full((2, 3), 5.0, np.float32)})
    save(changed, saved)
    assert load(saved) == changed
    assert sorted(os.listdir(saved.parent)) == ["net.snn", "net.snn.safetensors"]


def test_an_interrupt_while_writing_leaves_the_old_network(
    saved: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(_descriptor: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(storage.os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        save(network().with_arrays({"w": np.zeros((2, 3), np.float32)}), saved)
    assert load(saved) == network()
    assert sorted(os.listdir(saved.parent)) == ["net.snn", "net.snn.safetensors"]


def test_a_full_disk_is_a_usage_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(storage.os, "fsync", full)
    with pytest.raises(UsageError, match=r"SN317.*No space left on device"):
        save(network(), tmp_path / "net.snn")
    assert os.listdir(tmp_path) == []


def test_a_folder_that_does_not_exist_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="SN317"):
        save(network(), tmp_path / "missing" / "net.snn")
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="SN317"):
        save(network(), tmp_path / "file" / "net.snn")
    with pytest.raises(UsageError, match="SN311"):
        load(tmp_path / "file" / "net.snn")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root writes anywhere")
def test_a_read_only_folder_is_a_usage_error(tmp_path: Path) -> None:
    tmp_path.chmod(stat.S_IRUSR | stat.S_IXUSR)
    with pytest.raises(UsageError, match="SN317"):
        save(network(), tmp_path / "net.snn")


def test_a_network_whose_arrays_are_not_at_hand_is_not_saved(tmp_path: Path) -> None:
    one = network()
    bare = m.Network(
        one.name, one.stage, one.inputs, one.populations, one.heads, tensors=one.tensors
    )
    with pytest.raises(InputError) as caught:
        save(bare, tmp_path / "net.snn")
    assert [d.code for d in caught.value.diagnostics] == ["SN304"] * 3
    assert os.listdir(tmp_path) == []


def test_a_missing_file_and_a_folder_are_usage_errors(tmp_path: Path) -> None:
    assert codes(tmp_path / "no.snn", UsageError) == ["SN311"]
    assert codes(tmp_path, UsageError) == ["SN311"]


def test_a_file_that_is_no_text_is_refused(saved: Path) -> None:
    saved.write_bytes(b"snnc-ir 1\n\xff\xfe")
    assert codes(saved, InputError) == ["SN312"]


def test_a_missing_sidecar_is_a_usage_error(saved: Path) -> None:
    sidecar(saved).unlink()
    assert codes(saved, UsageError) == ["SN313"]


@pytest.mark.parametrize("keep", [0, 4, 8, 40, -1])
def test_a_truncated_sidecar_is_refused(saved: Path, keep: int) -> None:
    data = sidecar(saved).read_bytes()
    sidecar(saved).write_bytes(data[:keep])
    assert codes(saved, InputError) == ["SN314"]


def test_a_sidecar_that_claims_a_huge_header_is_refused(saved: Path) -> None:
    sidecar(saved).write_bytes((2**31).to_bytes(8, "little") + b"{}")
    assert codes(saved, InputError) == ["SN314"]


def test_a_sidecar_that_is_something_else_is_refused(saved: Path) -> None:
    sidecar(saved).write_bytes(b"PK\x03\x04 this is a zip file, not safetensors" * 9)
    assert codes(saved, InputError) == ["SN314"]


def test_every_missing_array_is_named(saved: Path) -> None:
    edit(saved, {"w": None, "b": None})
    with pytest.raises(InputError) as caught:
        load(saved)
    assert [d.code for d in caught.value.diagnostics] == ["SN315"] * 3
    assert [name in str(caught.value) for name in ("@b", "@d", "@w")] == [True] * 3


def test_another_type_or_shape_is_refused(saved: Path) -> None:
    edit(saved, {"w": np.ones((3, 2), np.float32)})
    assert codes(saved, InputError) == ["SN316"]
    save(network(), saved)
    edit(saved, {"w": np.ones((2, 3), np.float64)})
    assert codes(saved, InputError) == ["SN316"]
    save(network(), saved)
    edit(saved, {"w": np.ones((2, 3), np.float16)})
    assert codes(saved, InputError) == ["SN316"]


def test_one_changed_weight_is_noticed(saved: Path) -> None:
    weight = np.ones((2, 3), np.float32)
    weight[1, 1] = np.nextafter(np.float32(1), np.float32(2))
    edit(saved, {"w": weight})
    assert codes(saved, InputError) == ["SN301"]


def test_every_flipped_byte_of_a_sidecar_is_noticed(saved: Path) -> None:
    """Flip each byte in turn: the load fails with a diagnostic, or gives the same arrays.

    (The same arrays remain where the byte is a space of the header's padding.)
    """
    data = sidecar(saved).read_bytes()
    noticed = 0
    for position in range(len(data)):
        damaged = bytearray(data)
        damaged[position] ^= 0x41
        sidecar(saved).write_bytes(bytes(damaged))
        try:
            assert load(saved) == network()
        except InputError:
            noticed += 1
    assert noticed >= len(data) - 16


def test_a_digest_says_type_and_shape_too() -> None:
    store = TensorStore()
    refs = [
        store.add(np.zeros(4, np.float32)),
        store.add(np.zeros((2, 2), np.float32)),
        store.add(np.zeros(4, np.int32)),
    ]
    assert len({ref.sha256 for ref in refs}) == 3
    assert TensorRef("f32", (4,), refs[0].sha256) in store


def test_an_error_in_the_text_names_the_file_that_was_given(saved: Path) -> None:
    saved.write_text("snnc-ir 1\nnetwork oops")
    with pytest.raises(InputError) as caught:
        load(saved)
    assert caught.value.diagnostics[0].where == f"{saved}:2:9"
