"""Data sets for calibration and evaluation, read in batches of model inputs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from snnc.data.arrangement import Arrangement, arrange
from snnc.data.preprocessing import Preprocessing
from snnc.data.sources import Labels, Source, open_source
from snnc.data.spec import DataSpec
from snnc.diagnostics import Diagnostic, InputError
from snnc.ir.tensors import Array, Shape

Batch = tuple[NDArray[np.float32], "Labels | None"]
_PEEK = 64


@dataclass(frozen=True, slots=True)
class Dataset:
    """Samples as the model takes them; made by `open_data`.

    Every call of `batches` reads the file again from the beginning, always in the same order, so
    that only one batch is in memory.

    Attributes:
        spec: what the user asked for.
        preprocessing: what is done to raw values.
        labels: one class index per sample, or None.
        class_names: names of the classes where the data has them (folders), else empty.
        notes: what the user should be told.
    """

    spec: DataSpec
    preprocessing: Preprocessing
    labels: Labels | None
    class_names: tuple[str, ...]
    notes: tuple[str, ...]
    source: Source
    arrangement: Arrangement
    start: int
    stop: int

    def __len__(self) -> int:
        return self.stop - self.start

    @property
    def shape(self) -> Shape:
        """The shape of one sample, which is that of the model's input."""
        return self.arrangement.shape

    def batches(self, size: int) -> Iterator[Batch]:
        """Inputs (n, *shape), float32 and row-major, with labels (n,), `n <= size`.

        Raises:
            InputError: SN807 a value is not finite, SN803 the file is damaged further on.
        """
        if size < 1:
            raise ValueError(f"a batch has at least one sample, not {size}")
        done = 0
        for raw in self.source.rows(self.start, self.stop, size):
            x = self.arrangement.apply(raw)
            self._require_finite(x, done)
            labels = None if self.labels is None else self.labels[done : done + len(x)]
            done += len(x)
            yield x, labels

    def array(self) -> NDArray[np.float32]:
        """All samples at once, (len, *shape); for small sets such as golden inputs."""
        return np.concatenate([x for x, _ in self.batches(256)])

    def take(self, count: int) -> Dataset:
        """The first `count` samples; all of them where there are fewer."""
        if count < 1:
            raise ValueError(f"take at least one sample, not {count}")
        return self[:count]

    def __getitem__(self, samples: slice) -> Dataset:
        start, stop, step = samples.indices(len(self))
        if step != 1:
            raise ValueError("a data set is sliced with step 1")
        if stop <= start:
            raise ValueError(f"the slice [{start}:{stop}] holds no sample")
        labels = None if self.labels is None else self.labels[start:stop]
        start, stop = self.start + start, self.start + stop
        spec = replace(self.spec, start=start, stop=stop)
        return replace(self, spec=spec, labels=labels, start=start, stop=stop)

    def check_labels(self, classes: int, required: bool = True) -> None:
        """Make sure that every label is one of `classes` classes.

        Raises:
            InputError: SN810 a label is too large, SN815 there are no labels and they are required.
        """
        if self.labels is None:
            if required:
                message = "the data has no labels, and accuracy needs them"
                cure = "use an .npz with y beside x, or a folder with one sub-folder per class"
                raise InputError(Diagnostic("SN815", message, where=str(self.spec), help=cure))
            return
        wrong = np.flatnonzero(self.labels >= classes)
        if len(wrong):
            first = int(wrong[0])
            message = (
                f"{len(wrong)} of {len(self)} labels are out of range: the model distinguishes "
                f"{classes} classes (0 to {classes - 1}), and sample {self.start + first} has "
                f"label {int(self.labels[first])}"
            )
            cure = "use the model's own data; if its labels start at 1, subtract 1"
            raise InputError(Diagnostic("SN810", message, where=str(self.spec), help=cure))

    def _require_finite(self, x: NDArray[np.float32], done: int) -> None:
        finite = np.isfinite(x)
        if finite.all():
            return
        index = int(np.flatnonzero(~finite.reshape(len(x), -1).all(axis=1))[0])
        value = x[index][~finite[index]][0]
        message = f"sample {self.start + done + index} has the value {value} after preprocessing"
        cure = "repair or remove it; check --divide, --mean and --std"
        raise InputError(Diagnostic("SN807", message, where=str(self.spec), help=cure))


def open_data(
    spec: DataSpec | str, *, shape: Shape, preprocessing: Preprocessing | None = None
) -> Dataset:
    """Open data for a model whose input has the shape `shape` (batch axis left out).

    Headers, labels and the first samples are looked at here; the samples are read by `batches`.

    Raises:
        UsageError: the specification or preprocessing is wrong, or there is no such file.
        InputError: the data is damaged, empty, or does not fit the model.
    """
    if isinstance(spec, str):
        spec = DataSpec.parse(spec)
    preprocessing = preprocessing or Preprocessing()
    source = open_source(spec)
    start, stop = chosen_range(spec, len(source))
    layout = source.layout or preprocessing.layout
    arrangement = arrange(source.shape, shape, preprocessing, layout, str(spec))
    labels, label_notes = class_indices(source.labels(), len(source), source.where)
    notes = (*source.notes, *arrangement.notes, *label_notes)
    if source.layout and preprocessing.layout not in (None, source.layout):
        notes += (f"images are read as {source.layout}; --layout is for arrays",)
    data = Dataset(
        spec=spec,
        preprocessing=preprocessing,
        labels=None if labels is None else labels[start:stop],
        class_names=source.class_names,
        notes=notes,
        source=source,
        arrangement=arrangement,
        start=start,
        stop=stop,
    )
    return replace(data, notes=(*notes, *_unscaled(data)))


def chosen_range(spec: DataSpec, length: int) -> tuple[int, int]:
    """First and one past the last sample of the range a specification chooses.

    Raises:
        InputError: SN806, the range is empty or reaches beyond the data.
    """
    bounds = [0 if spec.start is None else spec.start, length if spec.stop is None else spec.stop]
    start, stop = (n + length if n < 0 else n for n in bounds)
    if 0 <= start < stop <= length:
        return start, stop
    if length == 0:
        reason = "the data holds no sample"
    elif not (0 <= start <= length and 0 <= stop <= length):
        reason = f"the range reaches beyond the data, which has {length} samples"
    else:
        reason = f"the range holds no sample (the data has {length})"
    cure = f"choose A and B of [A:B] between 0 and {length}" if length else "check the file"
    raise InputError(Diagnostic("SN806", reason, where=str(spec), help=cure))


def class_indices(
    raw: Array | None, length: int, where: str
) -> tuple[Labels | None, tuple[str, ...]]:
    """Labels (n,) as int64 for `length` samples, and what to tell about them.

    Raises:
        InputError: SN809, they are not one class index per sample.
    """
    if raw is None:
        return None, ()
    if raw.dtype.kind not in "iu":
        cure = "save class indices: y.astype('int64')"
        raise _unusable_labels(f"the labels are {raw.dtype}, not integers", cure, where)
    notes: tuple[str, ...] = ()
    if raw.ndim == 2 and raw.shape[1] == 1:
        raw, notes = raw[:, 0], (f"labels of shape {len(raw)}x1 were taken as {len(raw)} labels",)
    if raw.ndim != 1:
        cure = "save one class index per sample; for one-hot rows y.argmax(1)"
        raise _unusable_labels(f"the labels have shape {list(raw.shape)}", cure, where)
    if len(raw) != length:
        text = f"there are {len(raw)} labels for {length} samples"
        raise _unusable_labels(text, "save x and y of one length", where)
    wide = np.flatnonzero((raw < 0) | (raw > np.iinfo(np.int64).max))
    if len(wide):
        text = f"label {raw[wide[0]]} of sample {wide[0]} is no class index"
        cure = "classes are numbered 0, 1, 2, ...; remove samples without a class"
        raise _unusable_labels(text, cure, where)
    return raw.astype(np.int64), notes


def _unusable_labels(text: str, cure: str, where: str) -> InputError:
    return InputError(Diagnostic("SN809", text, where=where, help=cure))


def _unscaled(data: Dataset) -> tuple[str, ...]:
    """A warning about whole numbers beyond 1 that go into the model as they are."""
    if data.preprocessing.changes_values or data.source.dtype.kind not in "iu":
        return ()
    stop = min(data.stop, data.start + _PEEK)
    largest = max(int(raw.max()) for raw in data.source.rows(data.start, stop, _PEEK))
    if largest <= 1:
        return ()
    found = f"values up to {largest} go into the model as they are, no --divide was given"
    return (f"{found}; that is right only where the model scales its input itself",)
