"""Explanations of the passes' diagnostics, for `snnc explain`."""

from __future__ import annotations

CODES: dict[str, str] = {
    "SN705": (
        "A pass needs calibration data: it chooses scales, thresholds or corrections from the "
        "activations of the trained network on real inputs, and there were none. Give some "
        "hundred training images with --calibration (they need no labels), or choose a pipeline "
        "without normalisation if the weights are already scaled."
    ),
    "SN710": (
        "A pass was asked to run on a network that it does not apply to, for instance "
        "to-spiking on a network that is already spiking, or normalize after to-spiking. Look at "
        "the order of the passes; `snnc passes NAME` tells what a pass requires."
    ),
    "SN711": (
        "A pass returned a network that breaks its own promise or an invariant of the IR. This "
        "is a bug of snnc, not of your model; the message names the pass and the invariant."
    ),
    "SN712": (
        "Printing the network after a pass and parsing it back did not give the same network. "
        "This is a bug of snnc; please report it with the model."
    ),
    "SN720": (
        "There are no activation statistics for a population that has to be normalised. They are "
        "collected on the calibration data under the population's name before any pass runs; a "
        "population that a pass made anew has none. Run normalize directly after the import "
        "passes, and compile from the ONNX file or from an IR text of stage ann."
    ),
    "SN721": (
        "An option of a pass has a value outside its range. The message names the option, the "
        "value and what is accepted."
    ),
    "SN722": (
        "A population has a neuron that has no spiking form. The message names it and says what "
        "can be done."
    ),
    "SN723": (
        "The calibration passes compare the spiking network with the trained one. The trained "
        "network is known only in the pipeline that converts it, so calibrate-bias and "
        "calibrate-potential must run in the same pipeline as to-spiking."
    ),
}
