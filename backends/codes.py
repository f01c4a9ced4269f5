"""The diagnostics of the backends, SN5xx: what each code means and what to do."""

from __future__ import annotations

CODES: dict[str, str] = {
    "SN501": (
        "A network of another stage was given to the simulator. It runs networks of stage `snn` "
        "and `fixed`; at stage `ann` there are no spikes yet. Run the pass `to-spiking` (or "
        "compile the model) first. A network of stage `ann` is evaluated by "
        "`snnc.ir.interpret`."
    ),
    "SN502": (
        "An input array has the wrong shape, is missing, or names no input of the network. The "
        "first axis is the batch; the others must equal the input's shape in the network, "
        "channels first. An input coded as events has a time axis in front of the batch axis."
    ),
    "SN503": (
        "An input array has an element type that does not fit. A network with floating-point "
        "inputs takes floating-point arrays, so that raw bytes 0..255 are never mistaken for "
        "values scaled to 0..1; integer simulation takes whole numbers only. Convert "
        "explicitly, after the preprocessing."
    ),
    "SN504": (
        "An input array holds NaN or infinite values. A membrane potential that took one up "
        "would never recover, so the simulator refuses them. Look at the preprocessing: a "
        "division by a standard deviation of zero is the usual cause."
    ),
    "SN505": (
        "The number of time steps is missing or below 1, differs from the time axis of an "
        "event input, or is beyond the end of a schedule of phases, whose windows are all that "
        "there is. Give `steps`, or a network whose schedule holds it."
    ),
    "SN506": (
        "A spike raster or membrane trace was asked of a population that the network does not "
        "have, or a membrane trace of one that has no membrane potential (running maximum, "
        "gate)."
    ),
    "SN507": (
        "An input coded as events came without its time axis. Such an array is (T, N, ...): one "
        "frame of events for each time step."
    ),
    "SN508": (
        "Integer simulation met something that is not a whole number: a weight, bias, "
        "threshold, initial potential, leak or input value, or an average pooling, which "
        "divides. Quantise the network to stage `fixed` (pools folded into the next layer), or "
        "simulate in floating point."
    ),
    "SN509": (
        "The network asks for something that has no meaning in the simulator: a connection from "
        "an integrator, which never fires; a read-out that the population does not have; or a "
        "spike too large or not whole where a raster of small integers was asked for."
    ),
    "SN510": (
        "An integer simulation could exceed 64 bits: the largest possible sum of inputs over "
        "all time steps is beyond 2^62. Use smaller weights or fewer time steps."
    ),
    "SN511": (
        "An option of the simulator is out of its range: `dtype` is float32, float64 or "
        "integer; `threads`, `batch_size` and `block_steps` are at least 1."
    ),
    "SN512": ("There is no target of this name. `snnc targets` lists those that are built in."),
    "SN513": (
        "An event input of a network with the schedule `gated` holds events behind the window, "
        "where input no longer acts: they would be lost. Bring as many frames as the window has "
        "steps, or more where the rest are silent. For events that go on and on, convert to a "
        "network with a synchronous schedule (`map-quantized{mode=qcfs}`)."
    ),
    "SN514": (
        "An event frame holds a value beyond the largest one that the network declares for its "
        "input, `events(largest=...)`. An integer program proves that no sum leaves its range, "
        "and the proof counts on that. Send fewer events per time step, or quantise the network "
        "for larger ones with `quantize-weights{events=...}`."
    ),
    "SN520": (
        "There is no Loihi chip of this name. `loihi1` has published limits, those of `loihi2` are "
        "estimates."
    ),
    "SN521": (
        "The file that holds the limits of a Loihi chip is damaged: it is no JSON object, or a "
        "limit is missing, unknown, or without a unit, a source and a kind. It is a part of snnc; "
        "install snnc again."
    ),
    "SN522": (
        "Only a network of stage `fixed` can be laid out on the cores of a chip: before, its "
        "weights are no integers. Compile it for the target `loihi`."
    ),
    "SN523": (
        "A connection cannot be put on a core as it is: a core takes one convolution, one matrix "
        "or a one-to-one connection from each source. The passes of the target `loihi` bring "
        "every chain of operators into that form."
    ),
    "SN524": (
        "The number of partitions kept after each layer is below 1. More of them take longer and "
        "may find a cheaper partition; leave the number out for the usual one."
    ),
    "SN530": (
        "Target loihi takes networks of stage `fixed` with hop latency: whole numbers, and a start "
        "for every layer, because a spike takes a time step per synapse. The target's passes "
        "fold-chains, quantize-weights and add-latency make them."
    ),
    "SN531": (
        "An input is coded in a way that has no spikes of whole numbers, or takes events of any "
        "size, or is read by no layer. Target loihi takes graded spikes (analog values that the "
        "host rounds), spike times that are worth whole numbers, Poisson spikes, and events with a "
        "declared largest value, on which the proof rests that no sum leaves its range; and a Lava "
        "program has no source of spikes that lead nowhere."
    ),
    "SN532": (
        "A neuron has no Lava process: a leak, the negative spikes that stand for a leaky ReLU, no "
        "reset at all, or the approximate maximum of max_gate2d. The message says which and what "
        "stands for it."
    ),
    "SN533": (
        "A connection is no single weighted operator. In Lava one synapse process multiplies once, "
        "and intermediate sums would need neurons. The pass fold-chains writes chains of operators "
        "as one convolution or one matrix."
    ),
    "SN534": (
        "Weights are no whole numbers between -127 and 127, which 8 bits with sign hold. Quantise "
        "the network with quantize-weights; larger weights take a common exponent."
    ),
    "SN535": (
        "A connection is scaled by something else than a power of two. Synapses shift their sum by "
        "a weight exponent and cannot divide or multiply it."
    ),
    "SN536": (
        "A threshold, bias, initial potential or saturation is no whole number, or needs more than "
        "24 bits."
    ),
    "SN537": (
        "The largest possible current of a step, or membrane potential, needs more than the 24 "
        "bits of Loihi's registers, where it would wrap around. The bound is for all inputs in "
        "range over all time steps. A larger quantisation step, fewer time steps or a saturation "
        "bring it down."
    ),
    "SN538": (
        "A connection delays spikes by more than 62 time steps, which is what Loihi's synapses "
        "hold. Paths of very different length cause such delays. (Where spikes say values by their "
        "time, branches wait whole windows: Lava programs do that, and a fit says what chips lack.)"
    ),
    "SN539": (
        "The exit policy cannot be executed among spikes: it computes in fractions (confidence, "
        "margin, entropy, bayes), or runs layers one after the other (order depth); or rest could "
        "not be told because a connection is late. Patience, fixed, and margin and confidence in "
        "whole numbers can."
    ),
    "SN540": (
        "Lava's Conv keeps kernel size, stride, padding and dilation in 8 bits: from 128 on they "
        "would wrap. Kernels count with the zeros that unequal padding adds."
    ),
    "SN541": (
        "A running maximum pools the spikes of one layer as they are. Of an input, of several "
        "layers, or behind weights there is no such process."
    ),
    "SN542": (
        "The neurons that a head reads count differently, so the largest whole number need not be "
        "the largest value. Quantise a layer that is read out with one step for all its neurons."
    ),
    "SN543": (
        "No Python with Lava was found. Lava runs in a process of its own: with this Python if "
        "lava-nc is installed in it (Python 3.10 only), else with the one that the variable "
        "SNNC_LAVA_PYTHON names, else with `uv run`, which fetches Python 3.10 and Lava. What the "
        "variable names must be a program that this machine can execute."
    ),
    "SN544": (
        "A Lava program ended with an error or was ended after --time-limit. The message shows the "
        "last lines that it printed; all its processes were ended."
    ),
    "SN545": (
        "A Lava program ended well but its result is missing or does not fit the network. "
        "Something else than snnc changed the program directory, or the disk is full."
    ),
    "SN546": (
        "More time steps were asked of a Lava program than it was compiled for. Its proof that no "
        "sum leaves the registers, and the steps in which its layers take in bias and input, hold "
        "for that many. Compile the model with more steps; fewer are always allowed."
    ),
    "SN547": (
        "Engine lava runs the file program.py of a program directory, and there is none: a lone "
        "`.snn` network, or a program for another target. Compile with `--target loihi`."
    ),
    "SN550": (
        "Target c takes networks of stage `fixed`: whole numbers, so that the order of sums does "
        "not matter. The target's passes fold-chains and quantize-weights{target=c} make them."
    ),
    "SN551": (
        "An input is coded in a way that brings fractions, or takes events of any size. Target c "
        "takes graded inputs (analog values that the host rounds), Poisson spikes, and events "
        "with a declared largest value, on which the proof rests that no sum leaves 32 bits."
    ),
    "SN552": (
        "A neuron has no form in C: a leak, the negative spikes that stand for a leaky ReLU, the "
        "approximate maximum of max_gate2d, or a neuron that the target does not know. Neurons "
        "that fire once need a schedule of phases, and the others one without. The message says "
        "which."
    ),
    "SN553": (
        "The operators of a connection are no convolution, no matrix and no one-to-one link, and "
        "cannot be written out as a matrix: that would be too large, or hold fractions. The pass "
        "fold-chains folds most chains of operators into one."
    ),
    "SN554": (
        "Weights are no whole numbers of 16 bits. Quantise the network with "
        "quantize-weights{target=c}, for wider weights with bits=16."
    ),
    "SN555": (
        "A threshold, bias, initial potential or saturation is no whole number, or needs more than "
        "32 bits."
    ),
    "SN556": (
        "The largest possible current of a step, or membrane potential, needs more than 32 bits, "
        "where it would overflow. The bound is for all inputs in range over all time steps. "
        "quantize-weights{target=c} keeps it."
    ),
    "SN557": (
        "The exit policy cannot be executed in whole numbers (confidence, margin and entropy in "
        "fractions, bayes), or runs layers one after the other (order depth). Patience, fixed, and "
        "margin and confidence in whole numbers can."
    ),
    "SN558": (
        "A running maximum pools the spikes of one layer as they are. Of an input, of several "
        "layers, or behind weights there is no such function."
    ),
    "SN559": (
        "The neurons that a head reads count differently, so the largest whole number need not be "
        "the largest value. Quantise a layer that is read out with one step for all its neurons."
    ),
    "SN560": (
        "The C compiler refused a program that snnc wrote. The message shows its first lines. "
        "Another compiler can be named with the variable CC; without one the NumPy simulator runs."
    ),
    "SN561": (
        "A built C program cannot be loaded, or offers another interface than this snnc reads: it "
        "was written by another version. Compile the model again."
    ),
    "SN562": (
        "More time steps were asked of a C program than it was compiled for. The proof that no "
        "sum leaves 32 bits, and the sizes of its arrays, hold for that many. Compile the model "
        "with more steps; fewer are always allowed."
    ),
    "SN563": (
        "The C program answered that it cannot run. It was given what it does not expect, which "
        "is a bug: the golden check, `make check` in its folder, tells more."
    ),
    "SN564": (
        "A network has a schedule that target c does not know, or none. It knows those of rate "
        "code, of lossless networks and, in phases, of spike times, with and without hop latency."
    ),
    "SN599": (
        "The first sample that a newly built C program ran differs from the reference simulator's. "
        "The sources are the same everywhere, so that the compiler is to blame; the program was "
        "thrown away. Name another compiler with the variable CC, or run on the simulator."
    ),
}
