"""Networks: layers, categorical inputs, activations, losses and initialisers, as dataclasses.

    network = Network(13, [Dense(64, "relu"), Dropout(0.1), Dense(1)], loss="huber")

Where there is nothing more to say than which one, a word will do: "relu" is `Activation("relu")`. The words
are those of the contract in lower case (docs/api.md); None is always the default of the server.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Optional, Sequence, Union

from ._contract import (
    ACTIVATIONS,
    COMBINERS,
    DATA_TYPES,
    HASHINGS,
    INITIALIZERS,
    LOSSES,
    message_class,
)
from ._specs import field_value, fill, read


@dataclass(frozen=True)
class Activation:
    """A function of one number: relu, leaky_relu, elu, gelu, silu, tanh, sigmoid, softplus, identity, …

    Args:
        kind: which one.
        alpha: of leaky_relu the slope below zero, 0.01 unless given; of elu the limit is -alpha, 1
            unless given. An error for every other.
    """

    kind: str
    alpha: Optional[float] = None


@dataclass(frozen=True)
class Initializer:
    """First values of a parameter: glorot_uniform, glorot_normal, he_uniform, he_normal, lecun_normal,
    fan_in_uniform (PyTorch's), zeros or constant.

    Args:
        kind: which distribution.
        scale: of constant the value; else a factor on the deviation or the bound.
    """

    kind: str
    scale: Optional[float] = None


@dataclass(frozen=True)
class Loss:
    """What training minimises: mean_squared_error, half_squared_error, mean_absolute_error, huber, log_cosh,
    quantile, poisson, softmax_cross_entropy or binary_cross_entropy.

    Args:
        kind: which one.
        delta: of huber where it turns linear, in the targets' unit, 1 unless given; of quantile the
            quantile, in (0, 1), 0.5 unless given.
        label_smoothing: of softmax_cross_entropy, in [0, 1).
    """

    kind: str
    delta: Optional[float] = None
    label_smoothing: Optional[float] = None


@dataclass(frozen=True)
class InputNormalization:
    """Inputs become (x - mean) / sqrt(variance + epsilon), by running statistics of the rows trained on.

    Args:
        epsilon: > 0.
        freeze_after_rows: from then on the statistics stay; 0: never.
        half_life_rows: what came so many rows ago counts half; 0: every row counts the same.
    """

    epsilon: float = 1e-8
    freeze_after_rows: int = 0
    half_life_rows: float = 0.0


@dataclass(frozen=True)
class Categorical:
    """An input of categories, ids or texts, with a table of vectors that is learned: `embeddings.<name>` `[buckets,
    dimension]`. A row's block of the first layer's inputs is the sum or mean of its categories' rows of the table, as
    torch.nn.EmbeddingBag computes it; no category makes zeros. A step changes only rows that its batch names.

    Args:
        name: lower-case letters, digits and `_`, beginning with a letter; at most 63. By it batches give its values.
        buckets: rows of the table.
        dimension: columns of the table.
        hashing: "xxh64" takes any ids and texts, by XXH64 of the id's 8 bytes or of the text's, modulo buckets; None takes
            ids that are rows of the table.
        combiner: of several categories of one row, "sum" or "mean".
        initializer: None is lecun_normal of `dimension`.
    """

    name: str
    buckets: int
    dimension: int
    hashing: Optional[str] = None
    combiner: str = "sum"
    initializer: Union[str, Initializer, None] = None

    def _fill(self, message: Any) -> None:
        fill(message, self, leave_out=("hashing", "combiner", "initializer"))
        message.hashing = HASHINGS.number("none" if self.hashing is None else self.hashing)
        message.combiner = COMBINERS.number(self.combiner)
        if self.initializer is not None:
            _fill_kind(message.initializer, self.initializer, Initializer, INITIALIZERS)

    @classmethod
    def _read(cls, message: Any) -> Categorical:
        hashing = HASHINGS.word(message.hashing) if message.hashing else "none"
        return read(
            cls,
            message,
            hashing=None if hashing == "none" else hashing,
            combiner=COMBINERS.word(message.combiner) if message.combiner else "sum",
            initializer=_read_kind(message, "initializer", Initializer, INITIALIZERS),
        )


class Layer:
    """One layer: `Dense`, `Dropout`, `LayerNorm` or `Residual`."""

    def _fill(self, layer: Any) -> None:
        raise TypeError(f"layers: expected one of the package's kinds, got {self!r}")


@dataclass(frozen=True)
class Dense(Layer):
    """activation(x kernel + bias), with `kernel` `[inputs, units]` and `bias` `[units]`.

    Args:
        units: the number of outputs.
        activation: a word or an `Activation`.
        omit_bias: whether it has no bias.
        kernel_initializer: None is he_uniform before activations of the relu family, else glorot_uniform.
        bias_initializer: None is zeros.
    """

    units: int
    activation: Union[str, Activation] = "identity"
    omit_bias: bool = False
    kernel_initializer: Union[str, Initializer, None] = None
    bias_initializer: Union[str, Initializer, None] = None

    def _fill(self, layer: Any) -> None:
        functions = ("activation", "kernel_initializer", "bias_initializer")
        message = fill(layer.dense, self, leave_out=functions)
        _fill_kind(message.activation, self.activation, Activation, ACTIVATIONS)
        for name in functions[1:]:
            value = getattr(self, name)
            if value is not None:
                _fill_kind(getattr(message, name), value, Initializer, INITIALIZERS)

    @classmethod
    def _read(cls, message: Any) -> Dense:
        return read(
            cls,
            message,
            activation=_read_kind(message, "activation", Activation, ACTIVATIONS) or "identity",
            kernel_initializer=_read_kind(
                message, "kernel_initializer", Initializer, INITIALIZERS
            ),
            bias_initializer=_read_kind(message, "bias_initializer", Initializer, INITIALIZERS),
        )


@dataclass(frozen=True)
class Dropout(Layer):
    """Leaves outputs out at random while training.

    Args:
        rate: which share of them, in [0, 1).
    """

    rate: float

    def _fill(self, layer: Any) -> None:
        fill(layer.dropout, self)

    @classmethod
    def _read(cls, message: Any) -> Dropout:
        return read(cls, message)


@dataclass(frozen=True)
class LayerNorm(Layer):
    """Each row normalised over its features, as torch.nn.LayerNorm; with `gain` and `bias` `[units]`.

    Args:
        epsilon: added to the variance, > 0.
        omit_bias: whether it has no bias.
    """

    epsilon: float = 1e-5
    omit_bias: bool = False

    def _fill(self, layer: Any) -> None:
        fill(layer.layer_norm, self)

    @classmethod
    def _read(cls, message: Any) -> LayerNorm:
        return read(cls, message)


@dataclass(frozen=True)
class Residual(Layer):
    """x + f(x), where f are `layers`, the last with as many units as x. They nest."""

    layers: Sequence[Layer]

    def _fill(self, layer: Any) -> None:
        layer.residual.SetInParent()
        _fill_layers(layer.residual.layers, self.layers)

    @classmethod
    def _read(cls, message: Any) -> Residual:
        return cls(_read_layers(message.layers))


_KINDS: dict[str, Any] = {
    "dense": Dense,
    "dropout": Dropout,
    "layer_norm": LayerNorm,
    "residual": Residual,
}


@dataclass(frozen=True)
class Network:
    """A feed-forward network. It is settled when a model is made of it.

    Args:
        inputs: the number of numeric features of a row; 0 is allowed where there are categorical ones.
        layers: from the inputs to the outputs.
        loss: a word or a `Loss`.
        dtype: what it computes in, "float32" or "float64".
        seed: of the initial parameters; equal seeds give equal ones on every machine.
        input_normalization: True or an `InputNormalization` has inputs normalised by what training has
            seen of them; None takes them as they come.
        categorical: inputs that are categories. Their blocks follow the numeric inputs, in this order.
    """

    inputs: int
    layers: Sequence[Layer]
    loss: Union[str, Loss] = "mean_squared_error"
    dtype: str = "float32"
    seed: int = 0
    input_normalization: Union[bool, InputNormalization, None] = None
    categorical: Sequence[Categorical] = ()

    @property
    def outputs(self) -> int:
        """The number of outputs of a row."""
        for layer in reversed(self.layers):
            if isinstance(layer, Dense):
                return layer.units
        return self.inputs + sum(item.dimension for item in self.categorical)

    def to_message(self) -> Any:
        """The contract's NetworkSpec. ValueError or TypeError for what has no place in it."""
        message = message_class("NetworkSpec")(
            input_features=self.inputs,
            data_type=DATA_TYPES.number(self.dtype),
            seed=self.seed,
        )
        _fill_kind(message.loss, self.loss, Loss, LOSSES)
        _fill_layers(message.layers, self.layers)
        if self.input_normalization:
            given = self.input_normalization
            normalization = InputNormalization() if given is True else given
            fill(message.input_normalization, normalization)
        for item in self.categorical:
            if not isinstance(item, Categorical):
                raise TypeError(f"categorical: expected Categorical; got {item!r}")
            item._fill(message.categorical_inputs.add())
        return message

    @classmethod
    def from_message(cls, message: Any) -> Network:
        """Of a NetworkSpec."""
        normalization = field_value(message, "input_normalization")
        loss = _read_kind(message, "loss", Loss, LOSSES)
        return cls(
            inputs=message.input_features,
            layers=_read_layers(message.layers),
            loss="unknown" if loss is None else loss,
            dtype=DATA_TYPES.word(message.data_type) if message.data_type else "float32",
            seed=message.seed,
            input_normalization=None
            if normalization is None
            else read(InputNormalization, normalization),
            categorical=tuple(map(Categorical._read, message.categorical_inputs)),
        )


def _fill_layers(messages: Any, layers: Sequence[Layer]) -> None:
    for layer in layers:
        if not isinstance(layer, tuple(_KINDS.values())):
            known = ", ".join(kind.__name__ for kind in _KINDS.values())
            raise TypeError(f"layers: expected {known}; got {layer!r}")
        layer._fill(messages.add())


def _read_layers(messages: Any) -> tuple[Layer, ...]:
    layers: list[Layer] = []
    for message in messages:
        kind = message.WhichOneof("kind")
        if kind not in _KINDS:
            raise ValueError(f"the model has a layer {kind} that this version of descent does not know")
        layers.append(_KINDS[kind]._read(getattr(message, kind)))
    return tuple(layers)


# What servers tell of a kind whose parameter was not given.
_DEFAULTS: dict[tuple[str, str], float] = {
    ("leaky_relu", "alpha"): 0.01,
    ("elu", "alpha"): 1.0,
    ("huber", "delta"): 1.0,
    ("quantile", "delta"): 0.5,
    ("softmax_cross_entropy", "label_smoothing"): 0.0,
}


def _fill_kind(message: Any, value: Any, kind: Any, names: Any) -> None:
    settings = value if isinstance(value, kind) else kind(value)
    fill(message, settings, leave_out=("kind",))
    message.kind = names.number(settings.kind)
    for (word, parameter), default in _DEFAULTS.items():
        if word == settings.kind and getattr(settings, parameter) is None:
            setattr(message, parameter, default)


def _read_kind(parent: Any, name: str, kind: Any, names: Any) -> Any:
    """A word where there is nothing more to say."""
    message = field_value(parent, name)
    if message is None or message.kind == 0:
        return None
    settings = read(kind, message, kind=names.word(message.kind))
    plain = type(message)(kind=message.kind)
    for (word, parameter), value in _DEFAULTS.items():
        if word == settings.kind:
            setattr(plain, parameter, value)
    return settings.kind if message in (plain, type(message)(kind=message.kind)) else settings
