"""Explanations of the diagnostics of exit policies, for `snnc explain`."""

from __future__ import annotations

CODES: dict[str, str] = {
    "SN950": (
        "An exit policy is fitted by comparing answers with the right ones, and the data has no "
        "labels. Give labelled data with --exit-data (best samples that the network was not "
        "trained on), or give the policy in full, for instance --exit confidence{threshold=0.6}, "
        "which needs no data."
    ),
    "SN951": (
        "Some class has no sample in the data that an exit policy is fitted on, so nobody can say "
        "what an early exit does to it. A usual reason is a sorted data set of which only the "
        "first samples were taken: shuffle it, or take samples from all of it."
    ),
    "SN952": (
        "There are too few labelled samples to fit an exit policy: fewer than classes, or none in "
        "one of the two parts into which they are split (one fits temperature, scale and last "
        "step, the other chooses the threshold). Some hundred are needed at least; differences "
        "of 0.1 points of accuracy only show with a thousand and more."
    ),
    "SN953": (
        "An exit policy asks a head that the network does not have. The spatial exit "
        "(order=depth) and bayes need an internal head besides the last one: import a network "
        "with several outputs, or insert classifiers with --classifiers auto. Heads are named in "
        "order of depth; `snnc inspect` lists them."
    ),
    "SN954": (
        "An option of an exit policy is out of range, does not fit the network's time steps, "
        "contradicts another one, or leaves nothing that is accurate enough. The message names the "
        "option and what is accepted. What is left out is fitted on labelled data."
    ),
    "SN955": (
        "A label in the data that an exit policy is fitted on is not a class of the network. "
        "Labels count from 0; check that the data belongs to this network."
    ),
    "SN956": (
        "The exit policy bayes takes the spikes of a head as trials of one firing probability per "
        "class, so its heads must be read by their spike counts, with at most one spike per step, "
        "a neuron per class whose spikes all count the same, and an input that acts in every step. "
        "The pass spike-heads turns heads that read membrane potentials into such heads; networks "
        "of map-quantized take mode=qcfs. A hidden layer that is also an output keeps its own "
        "neurons, and normalising gives each its own scale: leave that head out, "
        "bayes{heads=[...]}. Networks of spike times (time to first spike) count no spikes at all."
    ),
}
