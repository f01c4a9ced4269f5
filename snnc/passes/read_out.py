"""What the outputs of a spiking network are read from, and the spiking form of max pooling."""

from __future__ import annotations

from snnc.ir import model as m


def only_read_out(network: m.Network, population: m.Population) -> bool:
    """Whether a head reads a linear or ReLU population and no other population does.

    Such a population needs no spikes: an integrator adds up its logits.
    """
    is_head = any(h.population == population.name for h in network.heads)
    plain = isinstance(population.neuron, m.Identity | m.Relu)
    return is_head and plain and not network.consumers(population.name)


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
