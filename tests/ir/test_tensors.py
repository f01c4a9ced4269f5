"""The tensor store: private read-only arrays, addressed by what they hold."""

from __future__ import annotations

import numpy as np
import pytest

from snnc.ir.tensors import DTYPES, TensorStore, dtype_name, reference


def test_the_store_keeps_a_private_copy() -> None:
    store = TensorStore()
    array = np.arange(4.0)
    ref = store.add(array)
    array[0] = 9.0
    assert store.get(ref)[0] == 0.0


def test_what_the_store_returns_is_read_only() -> None:
    store = TensorStore()
    ref = store.add(np.arange(4.0))
    with pytest.raises(ValueError, match="read-only"):
        store.get(ref)[0] = 1.0


def test_equal_arrays_are_stored_once() -> None:
    store = TensorStore()
    assert store.add(np.ones(3)) == store.add(np.ones(3))
    assert len(store) == 1


@pytest.mark.parametrize("name", DTYPES)
def test_a_digest_depends_on_values_type_and_shape_only(name: str) -> None:
    array = np.arange(6).astype(DTYPES[name]).reshape(2, 3)
    ref = reference(array)
    assert (ref.dtype, ref.shape) == (name, (2, 3))
    assert reference(np.asfortranarray(array)) == ref
    assert reference(array.astype(array.dtype.newbyteorder(">"))) == ref
    assert reference(np.repeat(array, 2, axis=1)[:, ::2]) == ref
    changed = array.copy()
    changed[1, 2] += 1
    assert reference(changed).sha256 != ref.sha256
    assert reference(array.reshape(3, 2)).sha256 != ref.sha256


def test_minus_zero_has_a_digest_of_its_own() -> None:
    assert reference(np.array([0.0])) != reference(np.array([-0.0]))


@pytest.mark.parametrize("dtype", [np.float16, np.complex64, np.uint32, bool, object])
def test_an_element_type_without_a_name_is_refused(dtype: type) -> None:
    with pytest.raises(ValueError, match="has no name in the IR"):
        dtype_name(np.zeros(2, dtype))


def test_an_unknown_reference_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        TensorStore().get(reference(np.ones(1)))
