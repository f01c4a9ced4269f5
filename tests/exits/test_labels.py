from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import recordings

from snnc.diagnostics import InputError
from snnc.exits.labels import checked_labels


def parts(*labels: Any) -> list[Any]:
    network = recordings.network(classes=3)
    return [
        replace(
            recordings.recorded(network, len(own)),
            labels=None if own[:1] == [None] else np.array(own, np.int64),
        )
        for own in labels
    ]


@pytest.mark.parametrize(
    ("labels", "code", "word"),
    [
        (([None, None, None],), "SN950", "no labels"),
        (([0, 1, 2], [None, None]), "SN950", "no labels"),
        (([0, 1, 3], [2]), "SN955", "label 3"),
        (([0, 1, -1], [2]), "SN955", "label -1"),
        (([0], [1]), "SN952", "1 + 1 samples"),
        (([0, 1, 2], []), "SN952", "3 + 0 samples"),
        (([0, 2], [2, 0]), "SN951", "class 1"),
        (([0, 0], [0, 0]), "SN951", "classes 1, 2"),
    ],
)
def test_labels_that_do_not_do_are_refused(labels: Any, code: str, word: str) -> None:
    with pytest.raises(InputError) as caught:
        checked_labels(recordings.network(classes=3), *parts(*labels))
    (diagnostic,) = caught.value.diagnostics
    assert diagnostic.code == code
    assert word in diagnostic.message
    assert diagnostic.help


def test_the_parts_show_every_class_together() -> None:
    first, second = checked_labels(recordings.network(classes=3), *parts([0, 1, 0], [2]))
    assert (first.tolist(), second.tolist()) == ([0, 1, 0], [2])


def test_a_single_output_has_two_classes() -> None:
    network = recordings.network(classes=1)
    whole = recordings.recorded(recordings.network(classes=2), 4)
    assert len(checked_labels(network, whole)) == 1


def test_of_many_absent_classes_five_are_named() -> None:
    network = recordings.network(classes=20)
    whole = replace(recordings.recorded(network, 40), labels=np.zeros(40, np.int64))
    with pytest.raises(InputError, match="classes 1, 2, 3, 4, 5 and 14 more"):
        checked_labels(network, whole)
