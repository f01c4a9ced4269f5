"""What the outputs of a spiking network are read from, and the spiking form of max pooling."""

from __future__ import annotations

from snnc.ir import model as m


def is_read_out(network: m.Network, name: str) -> bool:
    """Whether a head reads the population."""
    return any(head.population == name for head in network.heads)


def only_read_out(network: m.Network, population: m.Population) -> bool:
    """Whether a head reads a linear or ReLU population and no other population does.

    Such a population needs no spikes: an integrator adds up its logits.
    """
    plain = isinstance(population.neuron, m.Identity | m.Relu)
    alone = not network.consumers(population.name)
    return is_read_out(network, population.name) and plain and alone


def spiking_readout(network: m.Network, head: m.Head) -> m.Readout:
    """The readout of a head once its population spikes or integrates."""
    population, host = network.population(head.population), head.readout.host
    if not only_read_out(network, population):
        return m.SpikeCount(host)
    # A monotone activation that nothing else reads is cheaper and exact on the host.
    return m.Membrane(("Relu", *host) if isinstance(population.neuron, m.Relu) else host)


def spiking_pool(pool: m.MaxPool2d) -> m.RunningMax2d | m.MaxGate2d:
    """The spiking form of max pooling that the max-pool pass has chosen."""
    kind = m.RunningMax2d if pool.spiking == "running_max" else m.MaxGate2d
    return kind(pool.kernel, pool.strides, pool.pads, pool.dilations, pool.ceil_mode)
