"""Every diagnostic code of the IR, explained: what it means, what usually causes it, the cure."""

from __future__ import annotations

_GRAPH = {
    "SN101": """Two entities carry one name. Inputs and populations share one set of names, because
        a connection refers to either; heads have a set of their own. A pass that adds a population
        must choose a free name. In a text written by hand: rename one of them and its users.""",
    "SN102": """A name is not an identifier. Names of inputs, populations, heads and tensors begin
        with a letter or an underscore and go on with letters, digits, underscore, dot or hyphen
        (ASCII). ONNX names, which may hold anything, belong into the origin, which is quoted.""",
    "SN103": """A connection names a source that is neither an input nor a population. Usually a
        population was renamed or removed and one of its users was forgotten.""",
    "SN104": """A connection without delay reads a population that stands later in the list.
        Within a time step populations are computed in order, so a source must come first. Reorder
        the populations; a true loop (recurrence) needs a delay of at least one step.""",
    "SN105": """A field of an operator, neuron, readout, coding or population holds a value that its
        type does not allow: a NaN threshold, a string where a number belongs, a tuple of the wrong
        length. Python does not check this when the dataclass is made; the verifier does.""",
    "SN106": """A population has no incoming connection. Its value would be a constant, and its
        summed shape would be unknown. Connect it, or remove it and fold the constant into a
        bias.""",
    "SN107": """The network has no head, so nothing could be read from it. Name the population that
        answers in a line such as: head final on fc = logits(host=[]).""",
    "SN108": """A head reads a name that is no population. Inputs cannot be read either. Usually the
        population was renamed or removed and the head was forgotten.""",
    "SN109": """The delay of a connection is negative, or not zero at stage ann. A delay counts time
        steps; an ANN has no time, so only stages snn and fixed may have delays.""",
    "SN110": """The network has no input, or the input's element type is unknown. Known are f32,
        f64, i8, i16, i32, i64 and u8.""",
    "SN111": """A schedule with hop latency (pipelined) does not fit the network: it must give one
        start of at least 0 for every population, and spikes must not arrive before the population
        that reads them has started: start of the source + 1 + delay is at least its start, in
        loops a step more. The pass add-latency chooses starts and delays.""",
    "SN199": """An invariant could not be checked at all because the network is too broken for it,
        for example because a field holds a value of a wrong type. The other findings say what is
        broken; this one goes away with them. If it stands alone, it is a bug of snnc.""",
}

_SHAPES = {
    "SN201": """An operator does not fit the shape that it is applied to: a convolution for other
        channels, a dense weight for another length, an axis that does not exist, a kernel larger
        than the image. The message names the operator and both shapes.""",
    "SN202": """The connections of a population bring different shapes, and terms of a sum need one.
        Nothing is broadcast here: a concatenation needs an embed in every branch, and a residual
        add needs branches of equal shape.""",
    "SN203": """The shape that a population declares is not the one that follows from its sources,
        operators and neuron (max pooling changes the shape, other neurons keep it). A pass that
        changes an operator must change the shapes of what follows.""",
    "SN204": """A bias fits neither way: it must have shape (C,), one value per channel of the
        summed input, or the full shape of the summed input.""",
    "SN205": """A tensor used as a parameter of a neuron, or as the scale of a population, has a
        shape that does not fit. It must have shape (C,), one value per channel, or the full shape
        of the population. A single value is written as a number.""",
    "SN206": """A shape is empty or holds a size below 1. The batch axis is left out; a population
        of one neuron has the shape [1]. Dynamic sizes must be made fixed before import.""",
    "SN207": """A stride, kernel, dilation, group count, factor or step is below 1, or a padding is
        below 0. Negative padding (cropping) is written as a slice.""",
    "SN208": """A window of a pooling holds no cell of the image, only padding, so its maximum or
        mean is undefined. Make the pads smaller than the window.""",
}

_TENSORS = {
    "SN301": """An array does not have the digest that the network records for it. The file was
        damaged or edited, or belongs to another compilation. Copy both files again, or compile the
        model again; snnc never computes with an array that it cannot trust.""",
    "SN302": """A population mentions a tensor that the table at the end of the network does not
        have. Usually a tensor was renamed, or the text was cut.""",
    "SN303": """The table has a tensor that no population mentions. It would be stored and loaded
        for nothing; mostly it is the trace of a population that somebody removed by hand. Passes
        drop such tensors with Network.with_populations.""",
    "SN304": """The array behind a tensor is not at hand. The text of a network holds digests only;
        the arrays lie in the file NAME.snn.safetensors beside it.""",
    "SN305": """The array in the store has another element type or shape than the table says. The
        reference was not made by TensorStore.add.""",
    "SN306": """A tensor holds NaN or infinite values. They spread to every output that depends on
        them, so no conversion can be right. Such weights come from a training run that diverged or
        from an export in float16 that overflowed.""",
    "SN307": """The table names an element type that snnc does not know, or a digest that is not 64
        hexadecimal digits.""",
}

_FILES = {
    "SN311": """A network file cannot be read: it does not exist, is a folder, or may not be
        read by this user.""",
    "SN312": """A network file is not UTF-8 text. Perhaps the .safetensors file or the ONNX model
        was given in place of the .snn file.""",
    "SN313": """The file with the arrays is missing. A network NET.snn needs NET.snn.safetensors in
        the same folder; move, copy and rename the two together.""",
    "SN314": """The file with the arrays is damaged or no safetensors file, for instance because a
        copy or download stopped early.""",
    "SN315": """The file with the arrays lacks one that the network needs. The two files come from
        different compilations.""",
    "SN316": """An array has another element type or shape than the network says. The two files come
        from different compilations, or one was edited.""",
    "SN317": """A file cannot be written: the folder does not exist, is read-only, or the disk is
        full. Nothing half-written stays behind.""",
}

_TEXT = {
    "SN320": """The text has a word where another was expected; the message lists all that would
        have been accepted at that place. The order inside a network is: passes, inputs,
        populations, heads, schedule.""",
    "SN321": """A character or string cannot be read: an unknown character, a string without its
        closing quote, or an unknown escape. Known escapes are backslash with quote, backslash, n,
        r, t, and u{hex}.""",
    "SN322": """The text is of another version of the format than this snnc reads. Use the snnc that
        wrote it, or compile the model again.""",
    "SN323": """A call has a name that is unknown, or known but of another kind: a neuron stands
        where an operator belongs. The message lists what is accepted.""",
    "SN324": """A call has a field that its neuron, operator or readout does not have, or gives a
        field twice. The message lists the accepted fields.""",
    "SN325": """A call lacks a field that has no default, such as the weight of a convolution.""",
    "SN326": """A value does not fit its field: another type, a list of the wrong length, a number
        too large, or values nested too deep. The message says what the field takes.""",
    "SN327": """A text gives one name twice, to inputs or populations, to heads, or to tensors. The
        message says where the name was first given.""",
    "SN328": """The stage or the element type in a text is unknown. Stages are ann, snn and fixed;
        element types are f32, f64, i8, i16, i32, i64 and u8.""",
    "SN330": """A network cannot be written as text because a field holds what the text form cannot
        say: NaN, a name that is no identifier, a value of another type. The verifier reports the
        same, all at once.""",
}

_NEURONS = {
    "SN401": """A neuron does not belong to the stage of its network. Stage ann has activation
        functions, stages snn and fixed have spiking neurons; a pass that changes the stage must
        change every population.""",
    "SN402": """Stage ann has a schedule, or a spiking stage has none. Spiking networks run for a
        number of time steps, which the schedule gives; an ANN has no time.""",
    "SN403": """A head reads its population in a way that does not fit: logits at stage ann, the
        membrane potential of an integrator, the spike count of every other spiking neuron.""",
    "SN404": """A threshold is zero or negative. A neuron with such a threshold would fire without
        input. Thresholds come from activations; a channel that never was active must be given a
        small positive one.""",
    "SN405": """A leak lies outside [0, 1]. The membrane potential is multiplied by it in every
        step: 1 keeps all of it (integrate-and-fire), less than 1 forgets, and 0 makes a gate
        without memory.""",
    "SN406": """A slope is negative. The slope of a leaky ReLU, and of the signed neuron that stands
        for it, is the ratio of its negative to its positive branch; a falling branch has no
        counterpart in spikes.""",
    "SN407": """A limit leaves out zero: the upper limit of a clip is not positive, or the bounds of
        the net spike count do not contain the 0 that every neuron starts from. A potential that
        saturates below its threshold could never fire.""",
    "SN408": """A max pooling of spikes reads an input of the network. It compares spike counts, and
        a constant current has none. Put a spiking population in front of it.""",
    "SN409": """A population reads an integrator. Integrators accumulate and never fire, so the
        reader would get nothing, ever. Only heads read integrators.""",
    "SN410": """The schedule has less than one time step.""",
    "SN411": """Stage fixed computes with integers only, but a tensor of an operator, bias or neuron
        has a floating-point type. (The scale of a population may: it only translates spikes into
        units of the ANN.) Quantise the weights first.""",
    "SN412": """Stage fixed computes with integers only, but a threshold, an initial membrane
        potential or a factor is not a whole number. Quantise the network first.""",
    "SN413": """A coding does not fit: stage ann takes values directly, and the scale of Poisson
        coding must be positive.""",
    "SN414": """The stage of the network is none of ann, snn and fixed.""",
    "SN415": """A quantised activation or a rounded input is no staircase through level 0: its step
        is not positive, its levels leave out 0 or have none above it, or it rounds ties to even
        with a shift other than 0.5. Every spike count starts from 0, and each step of the staircase
        is one spike.""",
    "SN416": """The window of the schedule, in which input and bias act, has less than one time
        step.""",
}

_EXITS = {
    "SN420": """A network of stage ann has an exit policy. A policy stops a sample before the last
        time step, and an ANN has no time.""",
    "SN421": """The exit policy asks no head, a head that the network does not have, one twice, or
        heads in another order than the network's, which is that of depth. Policies that fuse heads,
        or that ask them in order of depth, end with the network's last head, which always
        answers.""",
    "SN422": """Thresholds, temperatures, repeats, limits and shifts of an exit policy are lists
        with one value per head; budgets, with order=depth, have one per head but the last, and that
        order needs at least two heads.""",
    "SN423": """A number of the exit policy is out of range: alpha, temperatures and repeats are
        above 0, also alpha times each temperature; dispersion is not negative and at most 1e12;
        a threshold is a number (infinity lets no sample stop).""",
    "SN424": """A step of the exit policy lies outside the schedule: it must be between 1 and the
        number of time steps, and the last step not before the first.""",
    "SN425": """Heads that an exit policy compares have different numbers of classes, so an answer
        of one means nothing to the other. A head with a single value tells two classes apart.""",
    "SN426": """The policy bayes takes the spikes of internal heads as a prior for those of the last
        one. It needs an internal head, heads that count spikes of integrate-and-fire populations
        without negative spikes (at most one spike per step, as the binomial model says) with a
        neuron per class and one scale for all of them, and an input that acts in every step. The
        pass spike-heads makes such heads of membrane read-outs.""",
    "SN427": """A table of the policy bayes has the wrong shape, or a value that is negative or
        above 1e12: strength has a row for every head but the first and a column per time step,
        dispersion one value per time step.""",
    "SN428": """The policies integer_margin and integer_confidence compare whole numbers: potentials
        of integrators and numbers of spikes, as a chip counts them. Only stage fixed has these, and
        the largest of them is the answer only where one unit is worth the same for all classes of
        a head. The pass integer-exit makes such policies of confidence and margin.""",
    "SN429": """A number or the table of an integer exit policy is out of range: limits of
        integer_margin lie between -1 (always sure) and 2^53 (never), those of integer_confidence
        between 0 (never) and 2^53, shifts between 0 and 62. Tables are whole numbers (i64), a row
        per head that begins above 0, never rises and ends with 0.""",
}

_PHASES = {
    "SN430": """Spike times and phases go together. Under a schedule of phases every neuron is a
        TTFS neuron, a running maximum of their spikes or an integrator, and inputs are analog or
        come as spike times; under any other schedule none is. The pass schedule-ttfs makes such
        networks.""",
    "SN431": """A number of a kernel of spike times is out of range: tau and threshold are above 0,
        there are 1 to 32767 steps, 32-bit floats hold all thresholds (a tau that is short for its
        number of steps lets them fall to 0), and an integer input has a value for each step.""",
    "SN432": """The tables of an integer TTFS neuron do not fit: values by step, thresholds by step
        (or by step and channel), both falling, no value below 0, no threshold below 1. Otherwise
        a later spike would be worth more than an earlier one.""",
    "SN433": """Windows of a schedule of phases do not meet: what a source sends in step t of its
        fire window must reach each reader in step t of its integration window, and all windows lie
        within the schedule. Delays equalise branches; the pass schedule-ttfs sets them.""",
    "SN434": """A running maximum of spike times passes the earliest spike on, which is the largest
        value where all cells share one kernel, nothing is computed in between, and each cell hears
        one neuron.""",
    "SN435": """The exit policy does not fit a schedule of phases. A head is asked within its window
        only, so the head that always answers must do so behind the first step of that window; and
        order=depth has no meaning, because layers run one after the other by themselves: with
        order=time a head whose window ends early answers before later layers have fired. Patience
        needs a membrane read-out: output neurons that fire once give one answer.""",
}

CODES: dict[str, str] = {
    code: " ".join(text.split())
    for table in (_GRAPH, _SHAPES, _TENSORS, _FILES, _TEXT, _NEURONS, _EXITS, _PHASES)
    for code, text in table.items()
}
"""Code -> explanation, for `snnc explain`."""
