"""The networks of bench/core/reference_networks.cc, for the peers."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Reference:
    widths: tuple
    activation: str  # between the layers: relu or tanh
    rows: int

    @property
    def name(self):
        hidden = self.widths[1:-1]
        if len(hidden) > 2 and len(set(hidden)) == 1:
            return f"{self.widths[0]}-{hidden[0]}x{len(hidden)}-{self.widths[-1]}"
        return "-".join(map(str, self.widths))


REFERENCES = [
    Reference((13, 64, 1), "relu", 32),
    Reference((8, 64, 64, 1), "relu", 128),
    Reference((784, 128, 10), "relu", 64),
    Reference((28, 300, 300, 300, 300, 300, 1), "tanh", 100),
    Reference((784, 512, 256, 10), "relu", 128),
    Reference((784, 1024, 1024, 10), "relu", 256),
]
