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
        "calibrate-potential must run in the same pipeline as to-spiking or map-quantized. At "
        "stage ann calibrate-bias corrects a requantised network and must come behind requantize."
    ),
    "SN730": (
        "map-quantized turns every level of a quantised activation into a spike, and the message "
        "names an activation that has no levels: a ReLU, a clip, a leaky ReLU, or a linear value "
        "that populations read. requantize{bits=4} rounds such activations to levels chosen on "
        "calibration data; fuse-linear computes linear values inside the populations that read "
        "them. A linear or ReLU output that only a head reads needs no levels."
    ),
    "SN731": (
        "normalize and to-spiking are for continuous activations: they choose what a spike is "
        "worth, which the step of a quantised activation has settled already, and scaling a "
        "quantised activation without its step would give another function. Use "
        "map-quantized{mode=qffs} (lossless) or map-quantized{mode=qcfs} instead; without "
        "--passes snnc chooses by itself."
    ),
    "SN732": (
        "calibrate-bias and calibrate-potential bring firing rates closer to activations. Behind "
        "map-quantized{mode=qffs} the spike counts are the activations exactly, so a correction "
        "could only break them. Leave the pass out; a requantised network can be corrected before "
        "map-quantized with calibrate-bias, and map-quantized{mode=qcfs} gives a network of rates."
    ),
    "SN733": (
        "Max pooling of spikes compares spike counts. That is the largest value only where one "
        "spike is worth the same for all neurons of a window, and the network quantises the "
        "neurons of one channel with different steps. Use one step a channel or a layer."
    ),
}
