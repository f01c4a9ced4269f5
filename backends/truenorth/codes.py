"""The diagnostics of target truenorth, SN586 to SN599: networks that it does not take."""

from __future__ import annotations

CODES: dict[str, str] = {
    "SN586": (
        "A network is of another stage or schedule than target truenorth takes. It takes whole "
        "numbers (stage `fixed`, pass `quantize-weights{target=truenorth}`) in rate code: on the "
        "chip every neuron acts in every tick, so that neither windows of spike times nor an input "
        "that ends have a form."
    ),
    "SN587": (
        "A neuron has no form on TrueNorth. Its neurons integrate whole numbers and fire spikes of "
        "0 and 1, with soft reset, reset to zero, or none, or forget their potential in every tick "
        "(leak=0). Max pooling has none: an OR of spikes is the largest value of one tick, not the "
        "largest rate; retrain with average pooling or strided convolutions. Neurons that only "
        "integrate cannot be read: `spike-heads` makes them fire. Negative spikes, largest counts "
        "and saturation do not exist; `map-quantized{mode=qcfs}` does without them."
    ),
    "SN588": (
        "A connection has no form as a crossbar: an operator that divides, or weights that are no "
        "whole numbers. Run `fold-chains{pools=spike}` and `quantize-weights{target=truenorth}`."
    ),
    "SN589": (
        "A number is not whole, or beyond the registers of a TrueNorth neuron: thresholds are 1 to "
        "262,143, the leak, which a bias becomes, at most 255 a tick."
    ),
    "SN590": (
        "A membrane potential could leave the range that is sure to be held, 393,215 either way, "
        "whatever the input: it is the sum of the largest inputs over all time steps. Take fewer "
        "steps, or coarser units (fewer bits)."
    ),
    "SN591": (
        "A head or an exit policy asks for what TrueNorth does not do. Only spikes leave the chip, "
        "so heads count them (`spike-heads`); the host that counts them can stop a sample, by a "
        "policy in whole numbers that asks all heads in every step."
    ),
    "SN592": (
        "An input cannot be given to the chip. Spikes are -1, 0 and 1 (a negative one has an axon "
        "of its own); analog values become spikes on the host, by `encode-inputs` or by the first "
        "layer, which reads nothing else."
    ),
    "SN593": (
        "The weights of a layer cannot be spelled with axon types. A neuron has one strength of at "
        "most 255 for each of four types and one bit for each axon; a weight is a sum of strengths "
        "whose bits are set. Weights of up to 5 bits times a common factor always can be."
    ),
    "SN594": (
        "A neuron reads more inputs than a core has axons: 256, which are 64 inputs of 4-bit "
        "weights, 128 of -1, 0 and 1. Compile with `--partial-sums rate`, which adds up partial "
        "rates and changes spikes a little, or with `--partial-sums exact`, which is exact and "
        "takes many ticks a time step; or take fewer bits, or train with grouped convolutions."
    ),
    "SN595": (
        "A neuron would fire before its layer's first step, which is some ticks after the start, "
        "and no other initial potential makes up for it: with a reset to zero, or in front of a "
        "connection with a delay. Start below the threshold, or use soft reset."
    ),
    "SN596": (
        "A layer has no exact partial sums: it has memoryless gates, which forget a sum between "
        "two ticks, or weights, a bias or groups of inputs that the pulses which open its gates "
        "leave no room for."
    ),
    "SN597": (
        "The files of a core map and the network beside them do not belong together: decoded from "
        "the crossbars, weights or delays are others than the network's. Compile again."
    ),
    "SN598": (
        "A program directory holds no core map, so `snnc run --on coremap` has nothing to run. "
        "Compile with `--target truenorth`, and name the folder."
    ),
}
