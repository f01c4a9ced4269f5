"""Explanations of the passes' diagnostics, for `snnc explain`."""

from __future__ import annotations

CODES: dict[str, str] = {
    "SN770": (
        "A population has an activation that no single spike time can say: a maximum of values of "
        "both signs (the earliest spike is the largest of one sign only), or a clip that differs "
        "from channel to channel below the largest value, where all spikes of a population share "
        "one kernel. The message names the population and what to do."
    ),
    "SN772": (
        "The pass is for spike counts or rates, or changes the units of activations, and the "
        "network has activations with kernels of spike times: taken over from the trained model, "
        "or given by schedule-ttfs. Such a value is the time of one spike. Compile with "
        "`--coding ttfs`, whose pass is schedule-ttfs; a network for another code has to be "
        "trained or exported without the surrogates."
    ),
    "SN771": (
        "fit-ttfs-kernels fits what spikes say to the activations of the trained network. That "
        "network is known only in the pipeline that gives it windows: run fit-ttfs-kernels behind "
        "schedule-ttfs, from an ONNX file or an IR text of stage ann."
    ),
    "SN760": (
        "A target has one synapse per connection, so fold-chains makes one operator of every "
        "chain. What cannot be folded exactly into a convolution or a matrix of affordable size, "
        "and is no average pooling that could spike, is refused. Let fold-chains write larger "
        "matrices (`fold-chains{largest=...}`), or keep linear values as populations with "
        "`fuse-linear{inline=false}`."
    ),
    "SN761": (
        "A neuron has no form in whole numbers: a potential that leaks becomes a fraction, and the "
        "signed neuron of a leaky ReLU has two thresholds whose ratio is the slope. Convert with "
        "`to-spiking{leak=1.0}`; replace a leaky ReLU by a ReLU and train again, or requantize it, "
        "which computes it as two ReLUs."
    ),
    "SN762": (
        "In whole numbers the threshold of a layer would be less than 1: its weights, its bias or "
        "the largest potential that it could ever reach are so large against the threshold that "
        "no unit of the target holds both. Normalise the network first; fewer time steps lower the "
        "largest potential."
    ),
    "SN763": (
        "The largest possible sum of a layer leaves the membrane potential of the target in any "
        "units. That takes extreme numbers of inputs or time steps: take fewer steps or split the "
        "layer."
    ),
    "SN765": (
        "add-latency gives every connection the time step that a spike needs on the target. A "
        "loop of connections then takes at least as many steps as it has connections, and this "
        "one has a shorter delay: no start times exist for it. Lengthen the delay of the loop."
    ),
    "SN766": (
        "Every weight of a layer would be rounded to 0 in whole numbers, so the layer would do "
        "nothing. The range of its potential, its threshold or its bias allows no larger units: "
        "with an input of many bits, the sums in front of a threshold of few bits leave nothing "
        "for the weights. Take fewer input_bits or a chip with wider thresholds."
    ),
    "SN776": (
        "Under a schedule of phases a spike is worth a whole number by its time. A layer that "
        "hears these spikes has so large a bias, or so many inputs, that with weights of the "
        "target's width even the earliest spike would be worth less than one unit of its "
        "potential. Normalise the network first; a layer of so many inputs has to be split."
    ),
    "SN780": (
        "encode-inputs stands a population between an analog input and its readers, whose rates "
        "are the values. Where every neuron fires once (a schedule of phases), or where the input "
        "ends after a window so that spike counts come to rest at exact integers, rates say "
        "nothing. Compile for rates (`--coding rate`), or map-quantized{mode=qcfs}."
    ),
    "SN781": (
        "A Bernoulli spike is there or not, and the calibration samples of an input have negative "
        "values. `encode-inputs{method=if}` gives such an input two populations, one for either "
        "sign, whose readers get them with opposite weights."
    ),
    "SN782": (
        "From a core of TrueNorth come spikes, and nothing else: no membrane potential can be "
        "read, nothing only sums up, and spikes are counted, not timed. Run spike-heads before "
        "quantize-weights, so that heads count spikes, and compile for rates."
    ),
    "SN783": (
        "A number does not fit a core of TrueNorth in any units: a leak (bias) has 9 bits with its "
        "sign, a threshold 18 bits, and no input may bring the membrane potential beyond 393,215 "
        "within the time steps, since it does not saturate. The message says which, and by how "
        "much. Fewer time steps lower what a potential can reach, fewer bits make the smallest "
        "weight larger, which all numbers are multiples of."
    ),
    "SN784": (
        "With `bits=1` a weight is on or off: one axon, one strength per neuron. A channel with "
        "weights of both signs needs `bits=2`, which is ternary and takes two axons."
    ),
    "SN785": (
        "A population reads an analog input, so that only the host can compute it, and another one "
        "that is on the chip. Run encode-inputs first: it turns the input into spikes that the "
        "chip reads like all others."
    ),
    "SN786": (
        "A neuron needs more axons than a core of TrueNorth has: each of its inputs takes an axon "
        "for every bit of its weights (4 bits: 64 inputs fit). With `--partial-sums rate` "
        "split-fan-in adds the inputs up in groups, which moves spikes a little; `exact` takes "
        "more ticks instead. Fewer bits, grouped convolutions or smaller layers need fewer axons."
    ),
    "SN787": (
        "Partial sums do not help: the window of a single input channel is more than a core, or "
        "the partial sums are so many that they do not fit a core either, or the potential that "
        "they bring could leave its range. The message says which."
    ),
    "SN788": (
        "Partial neurons pass on what they receive in pieces of one load, at most one piece a "
        "step for each copy, and a load is at most 255. More comes in than that. More copies "
        "share it: `split-fan-in{copies=8}`."
    ),
    "SN789": (
        "to-gates makes gates without memory of neurons that act in one time step. A network of "
        "more steps, a delay, a negative spike, or a neuron that fires without input has no such "
        "form. Compile a network with binary activations with `--timesteps 1`."
    ),
    "SN764": (
        "The range of an analog input is learned from the calibration samples, and these are all "
        "zero or not finite. Use real samples, after the same preprocessing as later inputs."
    ),
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
    "SN740": (
        "insert-classifiers trains classifiers when the network is compiled, and needs calibration "
        "samples with their labels: --calibration DATA of a labelled data set (an .npz with "
        "labels, or a folder with one folder per class). A few thousand samples that the network "
        "was not trained on are best; on its own training images a network looks surer than it is."
    ),
    "SN741": (
        "The labels of the calibration data and the classes of the network's last output do not "
        "agree: a class has no sample, so a classifier could never learn to name it, or a label "
        "lies outside the classes. Take a larger or a shuffled part of the data (files are often "
        "sorted by class), and check that it belongs to this network."
    ),
    "SN742": (
        "There are too few labelled samples to train a classifier: fewer than there are classes, "
        "or a class with a single one, which cannot be both trained on and held out."
    ),
    "SN743": (
        "A pass was told the name of a population or a head that the network does not have. "
        "`snnc inspect` lists both."
    ),
    "SN744": (
        "insert-classifiers was told to read a population that has no spikes of its own: one that "
        "only an output reads, or whose values a quantiser rounds first, perhaps behind max "
        "pooling (take the quantiser); or one whose shape has no map to average over (take "
        "features=flat)."
    ),
    "SN745": (
        "insert-classifiers with features=flat takes every value of a population as a feature, and "
        "these would not fit into the memory it allows itself. features=gap averages each channel "
        "over the map; a later population has fewer values; fewer samples help too."
    ),
    "SN746": (
        "spike-heads turns the membrane potential of an output into spikes, one for every so many "
        "units of its logit. A head with one value, whose sign is the answer, has no spikes for "
        "one of the two answers; a spike is worth a percentile of the logits, which must be "
        "positive (take a higher one; logits that never are make no spike at all); and a lossless "
        "network (map-quantized{mode=qffs}) would lose its exact logits: use mode=qcfs."
    ),
    "SN747": (
        "integer-exit turns an exit policy into one that compares whole numbers, for networks of "
        "stage fixed, and this one has no such form: entropy and bayes need logarithms and "
        "divisions, and with order=depth layers would have to wait for each other. confidence, "
        "margin, patience and fixed with order=time have one, or need none."
    ),
    "SN748": (
        "set-exit was given an exit policy that the network cannot execute. The message says why; "
        "`snnc compile --exit` fits policies, and bayes needs spiking heads and fitted tables."
    ),
    "SN749": (
        "integer-exit compares whole read-outs, potentials or numbers of spikes, of a head's "
        "classes with each other. One unit must then be worth the same for all classes, and the "
        "population that a head reads has a scale that differs between them, or is not positive. "
        "Give the classes one scale (requantise or normalise the last layer per layer, not per "
        "channel), or ask other heads."
    ),
}
