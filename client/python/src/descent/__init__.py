"""Descent trains neural networks on a server. This is its client.

    import descent

    with descent.Client("127.0.0.1:50051") as client:
        network = descent.Network(13, [descent.Dense(64, "relu"), descent.Dense(1)])
        model = client.create("house", network, descent.Adam(1e-3), exist_ok=True)
        model.train((x[i : i + 32], y[i : i + 32]) for i in range(0, len(x), 32))
        print(model.predict(x[:3]))

`Client` and `Model` are the calls; `Network` with `Dense`, `Dropout`, `LayerNorm`, `Residual` and `Categorical` is what a
model computes, `Adam`, `Sgd` and others how it learns. `descent.aio` has the same client for asyncio, `descent.sklearn`
estimators for scikit-learn, and `descent.Server` starts a server beside a notebook or a test.
"""

from pkgutil import extend_path

# Stubs that somebody generated from the contract are `descent.v1`, in a directory of their own.
__path__ = extend_path(__path__, __name__)

from . import aio
from ._version import __version__
from .categories import Categories
from .client import Client, Model
from .errors import (
    AbortedError,
    AlreadyExistsError,
    DataLossError,
    DeadlineExceededError,
    DescentError,
    FailedPreconditionError,
    FieldViolation,
    InvalidArgumentError,
    NotFoundError,
    PermissionDeniedError,
    ResourceExhaustedError,
    TrainingInterrupted,
    UnauthenticatedError,
    UnavailableError,
)
from .network import (
    Activation,
    Categorical,
    Dense,
    Dropout,
    Initializer,
    InputNormalization,
    Layer,
    LayerNorm,
    Loss,
    Network,
    Residual,
)
from .optimizers import (
    Adadelta,
    Adagrad,
    Adam,
    AdamW,
    Cosine,
    Exponential,
    Ftrl,
    InverseTime,
    Lion,
    Nadam,
    Optimizer,
    RmsProp,
    Schedule,
    Sgd,
    Stairs,
)
from .options import RetryPolicy
from .results import (
    Checkpoint,
    Evaluation,
    ForwardResult,
    GradientResult,
    HistoryPoint,
    LayerValues,
    ModelInfo,
    SparseRows,
    StepResult,
    TrainingSummary,
)
from .server import Server

__all__ = [
    "__version__",
    "aio",
    "AbortedError",
    "Activation",
    "Adadelta",
    "Adagrad",
    "Adam",
    "AdamW",
    "AlreadyExistsError",
    "Categorical",
    "Categories",
    "Checkpoint",
    "Client",
    "Cosine",
    "DataLossError",
    "DeadlineExceededError",
    "Dense",
    "DescentError",
    "Dropout",
    "Evaluation",
    "Exponential",
    "FailedPreconditionError",
    "FieldViolation",
    "ForwardResult",
    "Ftrl",
    "GradientResult",
    "HistoryPoint",
    "Initializer",
    "InputNormalization",
    "InvalidArgumentError",
    "InverseTime",
    "Layer",
    "LayerNorm",
    "LayerValues",
    "Lion",
    "Loss",
    "Model",
    "ModelInfo",
    "Nadam",
    "Network",
    "NotFoundError",
    "Optimizer",
    "PermissionDeniedError",
    "Residual",
    "ResourceExhaustedError",
    "RetryPolicy",
    "RmsProp",
    "Schedule",
    "Server",
    "Sgd",
    "SparseRows",
    "Stairs",
    "StepResult",
    "TrainingInterrupted",
    "TrainingSummary",
    "UnauthenticatedError",
    "UnavailableError",
]
