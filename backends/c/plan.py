"""A network as the layers, spike trains and inputs of a C program; everything but the text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from snnc.backends.c.connections import Connection, over_sums
from snnc.backends.c.images import Image, image_of
from snnc.backends.c.names import Idents
from snnc.backends.c.operators import kernel_of
from snnc.backends.c.tables import Choice, choice_of
from snnc.backends.c.trains import Border, Size, Train, event_planes, size_of, sum_planes
from snnc.ir import model as m
from snnc.ir.latency import layer_local
from snnc.ir.phases import Phases, phases_of
from snnc.ir.shapes import summed_shape

BLOCK = 8
"""Time steps that a layer runs in one go, where nothing asks for fewer. Measured: with more of them
spikes and potentials no longer stay in the second-level cache."""

PHASED_BLOCK = 64
"""The same under a schedule of phases, where a layer holds all spikes of its window anyway."""


@dataclass(frozen=True, slots=True, eq=False)
class Layer:
    """A population. `size`: of its neurons; `summed`: of its input, which pools change.

    `spiking`: connections whose source sends spikes; `analog`: those with a constant current.
    """

    population: m.Population
    ident: str
    size: Size
    summed: Size
    spiking: tuple[Connection, ...]
    analog: tuple[Connection, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """All layers of a network in layer-local time.

    Attributes:
        network: without hop latency.
        layers: in order.
        inputs: ident of every input, by name.
        trains: the spikes of inputs that send some and of populations, then sums of windows.
        block: most time steps that the layers run one after the other.
        rates: spikes per neuron and time step of each source, as far as they are known.
    """

    network: m.Network
    layers: tuple[Layer, ...]
    inputs: dict[str, str]
    trains: tuple[Train, ...]
    block: int
    rates: Mapping[str, float]

    @property
    def phases(self) -> Phases | None:
        """The windows of a network of spike times."""
        return phases_of(self.network)

    def frames(self, train: Train) -> int:
        """Steps of a train that are held: its window, or those of a block and before it."""
        phases = self.phases
        return phases.window if phases else train.history + self.block

    @property
    def steps(self) -> int:
        """Most time steps of a run."""
        assert self.network.schedule is not None
        return self.network.schedule.steps

    @property
    def window(self) -> int:
        """In how many steps input and bias act."""
        assert self.network.schedule is not None
        return self.network.schedule.drive(self.steps)

    def train(self, source: str, connection: Connection | None = None) -> Train:
        """The train of a source, or the one that a connection reads."""
        window = None if connection is None else connection.window
        return next(t for t in self.trains if (t.name, t.window) == (source, window))

    def choice(self, connection: Connection) -> Choice:
        """How a connection from spikes adds its weights."""
        train = self.train(connection.source, connection)
        phases = self.phases
        steps = phases.window if phases else self.steps
        return choice_of(connection, train, self.rates.get(connection.source), steps)

    def image(self, connection: Connection) -> Image | None:
        """The lists of whole images that a connection reads, if it does."""
        if self.phases is not None or self.choice(connection).tabled:
            return None
        return image_of(connection, self.train(connection.source, connection), self.block)

    def sums_of(self, source: str) -> tuple[Train, ...]:
        """The sums over windows of a source."""
        return tuple(t for t in self.trains if t.name == source and t.window is not None)


def make_plan(network: m.Network, rates: Mapping[str, float] | None = None) -> Plan:
    """The plan of a network that the target's check lets through; see `Plan` for `rates`.

    Raises:
        NoKernelError: a connection has no form that the target could run.
    """
    network = layer_local(network)
    idents = Idents()
    inputs = {entry.name: idents.new(entry.name) for entry in network.inputs}
    direct = {i.name for i in network.inputs if isinstance(i.coding, m.Direct)}
    layers = tuple(_layer(network, p, idents, direct) for p in network.populations)
    trains = _trains(network, layers, inputs, direct, idents)
    if isinstance(network.schedule, m.Phased):
        # A reader's step t finds step t of its source, whatever the delay.
        trains = tuple(replace(train, history=0) for train in trains)
    return Plan(network, layers, inputs, trains, _block(network), rates or {})


def _block(network: m.Network) -> int:
    """Steps of a block: a loop sees no spike of its own block."""
    assert network.schedule is not None
    known = {entry.name for entry in network.inputs}
    schedule = network.schedule
    if isinstance(schedule, m.Phased):
        return min(PHASED_BLOCK, schedule.window)
    most = min(BLOCK, schedule.steps)
    for p in network.populations:
        most = min([most, *(i.delay for i in p.incoming if i.source not in known)])
        known.add(p.name)
    return most


def _layer(network: m.Network, p: m.Population, idents: Idents, direct: set[str]) -> Layer:
    shape = summed_shape(network, p)
    ident = idents.new(p.name)
    spiking: list[Connection] = []
    analog: list[Connection] = []
    pool = isinstance(p.neuron, m.RunningMax2d)
    for incoming in () if pool else p.incoming:
        connection = Connection(
            idents.new(f"{ident}_from_{incoming.source}"),
            incoming.source,
            size_of(network.source_shape(incoming.source)),
            size_of(shape),
            kernel_of(network, incoming, shape),
            incoming.delay,
        )
        if incoming.source in direct:
            analog.append(connection)
        else:
            is_population = incoming.source not in {i.name for i in network.inputs}
            summed = over_sums(connection) if is_population else None
            spiking.append(summed or connection)
    return Layer(p, ident, size_of(p.shape), size_of(shape), tuple(spiking), tuple(analog))


def _trains(
    network: m.Network,
    layers: tuple[Layer, ...],
    inputs: dict[str, str],
    direct: set[str],
    idents: Idents,
) -> tuple[Train, ...]:
    plain: list[Train] = []
    for entry in network.inputs:
        if entry.name not in direct:
            size = size_of(entry.shape)
            planes = _input_planes(entry.coding)
            ident = inputs[entry.name]
            plain.append(Train(entry.name, ident, size, planes, (0, 0, 0, 0), 0, "input"))
    signed = _signed(network)
    for layer in layers:
        p = layer.population
        if not isinstance(p.neuron, m.Integrator):
            planes = (1, -1) if p.name in signed else (1,)
            train = Train(p.name, layer.ident, layer.size, planes, (0, 0, 0, 0), 0, "population")
            plain.append(train)
    by_name = {train.name: train for train in plain}
    sums: dict[tuple[str, object], Train] = {}
    for layer in layers:
        for c in layer.spiking:
            if c.window is not None and (c.source, c.window) not in sums:
                planes = sum_planes(by_name[c.source].planes, c.window.height * c.window.width)
                ident = idents.new(f"{by_name[c.source].ident}_sums")
                sums[c.source, c.window] = Train(
                    c.source, ident, c.from_size, planes, (0, 0, 0, 0), 0, "sums", c.window
                )
    return tuple(_with_readers(t, network, layers) for t in (*plain, *sums.values()))


def _input_planes(coding: m.Coding) -> tuple[int, ...]:
    if isinstance(coding, m.Events):
        return event_planes(coding.largest or 1)
    return (1, -1)


def _signed(network: m.Network) -> frozenset[str]:
    """Populations that can take spikes back: of pools, those whose source can."""
    found: set[str] = set()
    while True:
        more = {p.name for p in network.populations if _takes_back(p, found)}
        if more == found:
            return frozenset(found)
        found = more


def _takes_back(p: m.Population, known: set[str]) -> bool:
    if isinstance(p.neuron, m.IF):
        return p.neuron.negative_spikes != "none"
    return isinstance(p.neuron, m.RunningMax2d) and p.incoming[0].source in known


def _with_readers(train: Train, network: m.Network, layers: tuple[Layer, ...]) -> Train:
    """The train with the border and the history that its readers need."""
    border: Border = (0, 0, 0, 0)
    history = 0
    for layer in layers:
        for c in layer.spiking:
            if (c.source, c.window) == (train.name, train.window):
                reach = c.kernel.reach(c.from_size, c.to_size)
                top, left, bottom, right = (max(a, b) for a, b in zip(border, reach, strict=True))
                border, history = (top, left, bottom, right), max(history, c.delay)
        pool = isinstance(layer.population.neuron, m.RunningMax2d)
        if pool and train.window is None and layer.population.incoming[0].source == train.name:
            history = max(history, layer.population.incoming[0].delay)
    return replace(train, border=border, history=history)
