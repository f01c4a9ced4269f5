"""Explanations of the diagnostics of the driver, the evaluation and the command line."""

from __future__ import annotations

CODES: dict[str, str] = {
    "SN920": (
        "A file that the command was given does not exist or cannot be read. Check the path; "
        "a data set may carry a split and a range behind it (`mnist.npz:test[:500]`)."
    ),
    "SN921": (
        "A result could not be written: the disk is full, the folder is missing or read-only, or a "
        "part of the path is a file. Nothing half-written is left behind. Free space or choose "
        "another place with -o."
    ),
    "SN922": (
        "An option or argument of the command line is unknown, missing or malformed. "
        "`snnc COMMAND --help` lists what the command takes."
    ),
    "SN923": (
        "A name is not in the table it should be in: a target, a pass, a tensor, a diagnostic code "
        "or an engine. The message lists what exists, and the nearest name where one is close."
    ),
    "SN924": (
        "The file or folder is not of a kind that this command takes: an ONNX model (`.onnx`), a "
        "network in text form (`.snn`) or a program directory written by `snnc compile` (a folder "
        "with a manifest.json)."
    ),
    "SN926": (
        "A label of the data set is negative or not smaller than the number of outputs of the "
        "network, so accuracy would mean nothing. Either the labels belong to another task, or "
        "they start at 1; subtract the first label, or choose the right `y` array."
    ),
    "SN927": (
        "The calibration or evaluation data holds no sample. A range such as `[500:500]` selects "
        "nothing, and an image folder without readable images is empty too."
    ),
    "SN928": (
        "The command needs labels and the data has none: `--auto` compares accuracies. An `.npz` "
        "brings labels as `y` (or `y_SPLIT`), an image folder by one sub-folder per class."
    ),
    "SN929": (
        "No normalisation and no number of steps that `--auto` tried comes within `--max-drop` of "
        "the accuracy of the ANN. The table shows what was reached. Allow more steps with "
        "`--max-steps`, allow a larger drop, give more calibration data, or retrain with "
        "quantised activations."
    ),
    "SN930": (
        "A requested check of the passes failed: after the named pass the values of the named "
        "layer differ from onnxruntime's by more than the stated band. At stage `ann` that is a "
        "bug in the pass or an option that changes meaning. At stage `snn` a layer that `would "
        "differ even after infinitely many steps` has a wrong weight, threshold or unit; one that "
        "differs in simulation only has rates far from the activations: too few steps, or spikes "
        "that arrive unevenly, and layers after it inherit the error."
    ),
    "SN931": (
        "The network has several inputs, and a data set holds one array of samples. Such a "
        "network can be compiled without calibration and run from Python with one array per "
        "input (`snnc.load(DIR).run({...})`), but not evaluated on a data set."
    ),
    "SN932": (
        "The requested accuracy was not reached: the spiking network is further below the ANN "
        "than `--max-drop` allows. The layer table shows where the error starts."
    ),
    "SN933": (
        "The network is at a stage that the command cannot use: running and evaluating need a "
        "spiking network (stage snn or fixed). `snnc opt NET.snn --passes ...` or `snnc compile` "
        "makes one from stage ann."
    ),
    "SN935": (
        "snnc itself failed: an error that no rule foresees. A crash folder holds the traceback, "
        "the command, the versions and, when a pass failed, the network before it. Please report "
        "it with that folder."
    ),
    "SN936": (
        "Two options contradict each other or need each other, so the command would have to "
        "ignore one of them. The message says which; leave one out."
    ),
    "SN937": (
        "The computer has not enough memory for the step. Smaller batches (`--batch`) or fewer "
        "recorded populations need less."
    ),
    "SN938": (
        "An option's value lies outside its range, for example zero time steps or a percentile "
        "above 100."
    ),
    "SN939": (
        "A package that this command needs is not installed. The message names it and the command "
        "that installs it; nothing was replaced by something else in its absence."
    ),
    "SN940": (
        "Arrays passed from Python do not fit the network: samples must be floating-point numbers "
        "of the input's shape with the batch in front, labels one whole number per sample. Arrays "
        "are taken as they are; preprocessing is applied to files only."
    ),
    "SN941": (
        "A manifest or report of a program directory does not hold what this version of snnc "
        "expects. The folder was edited or written by another version: compile again."
    ),
    "SN942": (
        "The network's input is coded as events: the data brings its own input for every time "
        "step, so a run cannot take more steps than the data has. Ask for fewer steps (the first "
        "ones are taken), or record longer events."
    ),
    "SN943": (
        "`snnc eval --exact` found spike counts that differ from the integer activations of the "
        "quantised ANN for no reason that rounding gives. Either samples had not come to rest (a "
        "network with gated input needs about as many time steps as it has levels and layers: "
        "allow more --steps), or the spiking network is not the lossless form of this ANN: "
        "`snnc compile --check-passes` finds the pass and the layer. A count one off whose summed "
        "input lies within 0.0001 of a step from a rounding edge is no fault, nor what follows "
        "from it in later layers: sums of float32 weights in another order decide there."
    ),
    "SN944": (
        "`--exact` compares spike counts with the integer activations of a quantised ANN, and this "
        "network has none that it would settle to: it was made by another pass than "
        "map-quantized{mode=qffs}, or the ANN is not known. Compile a network with quantised "
        "activations for a target that `snnc targets` lists with qffs, or put requantize in front."
    ),
    "SN948": (
        "A program of whole numbers is made for a number of time steps: for that many it is proved "
        "that no sum leaves the width of its registers. Longer runs could leave it, and the "
        "target's program and the simulator would part ways. Compile the model again with more "
        "--steps; fewer are always allowed."
    ),
    "SN945": (
        "`snnc eval --exits run` runs a network with exits only, and this one has no exit policy. "
        "Compile it with `--exit confidence` or another policy; without `--exits` the network is "
        "measured as it is."
    ),
}
