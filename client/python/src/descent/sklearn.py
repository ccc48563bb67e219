"""Estimators for scikit-learn whose networks are trained by a Descent server.

    from descent.sklearn import DescentRegressor

    regressor = make_pipeline(StandardScaler(), DescentRegressor(hidden_layers=(64, 64), random_state=0))
    regressor.fit(x, y).predict(x_test)

Without a `server` they share one that is started for this process, in memory. A fitted estimator holds its network's
parameters, so it can be copied and pickled, and predicts with another server just as well; what it does not hold is the
optimizer's state: `partial_fit` of a copy begins with a fresh one.
"""

from __future__ import annotations

import atexit
import bisect
import os
import threading
import uuid
import weakref
from typing import Any, Iterator, Mapping, Optional, Sequence, Tuple, Union

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, ClassifierMixin, MultiOutputMixin, RegressorMixin
from sklearn.utils import check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import (
    _check_sample_weight,
    check_is_fitted,
    column_or_1d,
    validate_data,
)

from ._tables import buckets_for, dimension_for, table
from ._training import train
from .client import Client, Model
from .errors import DescentError
from .network import Activation, Dense, Layer, Loss, Network
from .optimizers import Optimizer, as_optimizer
from .server import Server

__all__ = ["DescentClassifier", "DescentRegressor"]

Array = npt.NDArray[Any]

# Rows of one call of prediction.
_PREDICTED_ROWS = 8192


class _Connections:
    """The clients of this process, and the server of its own: apart from the estimators, which are copied, pickled and
    compared."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process = os.getpid()
        self._clients: dict[str, Client] = {}
        self._server: Optional[Server] = None
        self.models: weakref.WeakKeyDictionary[Any, Model] = weakref.WeakKeyDictionary()

    def client(self, server: Optional[str], options: Optional[Mapping[str, Any]]) -> Client:
        with self._lock:
            if self._process != os.getpid():  # of a parent; its connections are of no use here
                self._process, self._clients, self._server = os.getpid(), {}, None
                self.models = weakref.WeakKeyDictionary()
            target = server or self._own()
            key = repr((target, sorted((options or {}).items())))
            if key not in self._clients:
                self._clients[key] = Client(target, **(options or {}))
            return self._clients[key]

    def _own(self) -> str:
        if self._server is None:
            self._server = Server()
            self._server.start()
            atexit.register(self._server.stop)
        return self._server.target

    def keep(self, estimator: Any, model: Model) -> None:
        """For as long as there is the estimator."""
        self.models[estimator] = model
        weakref.finalize(estimator, _delete, model, os.getpid()).atexit = False


_connections = _Connections()


def _delete(model: Model, process: int) -> None:
    if process == os.getpid():
        try:
            model._client.delete(model.name, missing_ok=True)
        except (DescentError, ValueError):  # the server is gone, and the model perhaps with it
            pass


class _Estimator(BaseEstimator):
    """What both have."""

    def __init__(
        self,
        hidden_layers: Sequence[Union[int, Layer]],
        activation: Union[str, Activation],
        optimizer: Union[str, Optimizer],
        learning_rate: float,
        batch_size: int,
        epochs: int,
        shuffle: bool,
        random_state: Any,
        categorical_features: Any,
        server: Optional[str],
        client_options: Optional[Mapping[str, Any]],
    ) -> None:
        self.hidden_layers = hidden_layers
        self.activation = activation
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.batch_size = batch_size
        self.epochs = epochs
        self.shuffle = shuffle
        self.random_state = random_state
        self.categorical_features = categorical_features
        self.server = server
        self.client_options = client_options

    # What differs between regression and classification.

    def _take_targets(self, y: Any, first: bool, classes: Any) -> Array:
        raise NotImplementedError

    def _outputs_and_loss(self) -> Tuple[int, Union[str, Loss]]:
        raise NotImplementedError

    # Training.

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Any:
        """Trains a new network for `epochs` passes over the rows.

        Args:
            X: `[n, features]`, dense and finite; float32 is computed in float32, anything else in float64.
            y: targets.
            sample_weight: of the rows, `[n]`, >= 0.
        """
        self._check_settings()
        X, y, weights = self._take(X, y, sample_weight, first=True, classes=None)
        self._begin(X)
        return self._train(X, y, weights, self.epochs)

    def partial_fit(self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None) -> Any:
        """One pass over the rows, of a network that stays what it is: the first call makes it.

        Args:
            X: `[n, features]`.
            y: targets.
            classes: all that there will be; for the first call of a classifier.
            sample_weight: of the rows, `[n]`, >= 0.
        """
        first = not hasattr(self, "parameters_")
        self._check_settings()
        X, y, weights = self._take(X, y, sample_weight, first, classes)
        if first:
            self._begin(X)
        return self._train(X, y, weights, 1)

    def _check_settings(self) -> None:
        for name in ("batch_size", "epochs"):
            value = getattr(self, name)
            if not isinstance(value, (int, np.integer)) or value < 1:
                raise ValueError(f"{name}: expected an integer >= 1, got {value!r}")

    def _take(self, X: Any, y: Any, sample_weight: Any, first: bool, classes: Any
              ) -> Tuple[Array, Array, Optional[Array]]:  # fmt: skip
        types = [np.float64, np.float32]
        X, y = validate_data(self, X, y, dtype=types, multi_output=True, y_numeric=False, reset=first)
        weights = None
        if sample_weight is not None:
            weights = _check_sample_weight(sample_weight, X, dtype=X.dtype, ensure_non_negative=True)
            if not weights.any():
                raise ValueError("sample_weight: all of them are zero")
        if first:
            self._categorical = self._categorical_columns(X.shape[1])
        self._check_categories(X)
        return X, self._take_targets(y, first, classes), weights

    def _categorical_columns(self, features: int) -> list[int]:
        """In rising order."""
        given = [] if self.categorical_features is None else np.asarray(self.categorical_features).ravel().tolist()
        if given and all(isinstance(each, bool) for each in given):
            if len(given) != features:
                raise ValueError(f"categorical_features: expected a mask of {features} columns, got {len(given)}")
            return [column for column, chosen in enumerate(given) if chosen]
        names = list(getattr(self, "feature_names_in_", ()))
        columns = set()
        for each in given:
            column = names.index(each) if each in names else each
            if not isinstance(column, int) or not -features <= column < features:
                raise ValueError(f"categorical_features: there is no column {each!r}, X has {features}")
            columns.add(column % features)
        return sorted(columns)

    def _check_categories(self, X: Array) -> None:
        for column in self._categorical:
            values = X[:, column]
            strange = (np.trunc(values) != values) | (np.abs(values) >= 2.0**63)
            if strange.any():
                raise ValueError(f"X: column {column} is one of categories, expected whole numbers, got "
                                 f"{values[np.argmax(strange)]}")  # fmt: skip

    def _numbers(self, X: Array) -> Optional[Array]:
        """The columns that are none of categories; None if there are none."""
        if not self._categorical:
            return X
        return np.delete(X, self._categorical, axis=1) if len(self._categorical) < X.shape[1] else None

    def _categories(self, X: Array) -> Optional[dict[str, Array]]:
        if not self._categorical:
            return None
        return {_input_name(column): X[:, column].astype(np.int64) for column in self._categorical}

    def _begin(self, X: Array) -> None:
        """A network with its first parameters."""
        outputs, loss = self._outputs_and_loss()
        hidden = [
            Dense(int(layer), self.activation) if isinstance(layer, (int, np.integer)) else layer
            for layer in self.hidden_layers
        ]
        self._random = check_random_state(self.random_state)
        counts = [len(np.unique(X[:, column])) for column in self._categorical]
        self.network_ = Network(
            X.shape[1] - len(counts), (*hidden, Dense(outputs)), loss, dtype=X.dtype.name,
            seed=int(self._random.randint(2**31 - 1)),
            categorical=tuple(table(_input_name(column), buckets_for(count), dimension_for(count))
                              for column, count in zip(self._categorical, counts)))  # fmt: skip
        self.n_iter_ = 0
        self.t_ = 0
        self.loss_curve_: list[float] = []
        self._make_model()

    def _train(self, X: Array, y: Array, weights: Optional[Array], epochs: int) -> Any:
        model = self.model_
        rows = [0] * epochs
        losses = [0.0] * epochs
        ends: list[int] = []  # sequence numbers of the epochs' last batches

        def note(ack: Any) -> None:
            epoch = bisect.bisect_left(ends, ack.sequence)
            rows[epoch] += ack.rows
            losses[epoch] += ack.loss * ack.rows

        batches = self._batches(X, y, weights, epochs, ends)
        train(model._client._training, model._encoder, model.name, batches, None, None, _nobody, note)
        self.parameters_ = model.parameters()
        self.n_iter_ += epochs
        self.t_ += epochs * len(X)
        self.loss_curve_ = [
            *self.loss_curve_, *(loss / n if n else np.nan for loss, n in zip(losses, rows))]  # fmt: skip
        self.loss_ = self.loss_curve_[-1]
        return self

    def _batches(self, X: Array, y: Array, weights: Optional[Array], epochs: int, ends: list[int]
                 ) -> Iterator[Mapping[str, Any]]:  # fmt: skip
        given = 0
        for _ in range(epochs):
            order = self._random.permutation(len(X)) if self.shuffle else np.arange(len(X))
            for begin in range(0, len(X), self.batch_size):
                rows = order[begin : begin + self.batch_size]
                if weights is not None and not weights[rows].any():
                    continue  # they say nothing
                some = X[rows]
                yield {"x": self._numbers(some), "y": y[rows], "weights": None if weights is None else weights[rows],
                       "categories": self._categories(some)}  # fmt: skip
                given += 1
            ends.append(given)

    # The server's side.

    def _make_model(self) -> Model:
        """This estimator's own model, in the place of the one it had."""
        old = _connections.models.pop(self, None)
        if old is not None:
            _delete(old, os.getpid())
        client = _connections.client(self.server, self.client_options)
        optimizer = self.optimizer
        if isinstance(optimizer, str):
            optimizer = type(as_optimizer(optimizer))(learning_rate=self.learning_rate)
        name = f"sklearn-{uuid.uuid4().hex}"
        model = client.create(name, self.network_, optimizer, durability="memory")
        _connections.keep(self, model)
        return model

    @property
    def model_(self) -> Model:
        """The model on the server. It is deleted with the estimator."""
        model = _connections.models.get(self)
        if model is None:  # of a copy, or in another process
            model = self._make_model()
            model.set_parameters(self.parameters_)
        return model

    def _predict(self, X: Any) -> Array:
        """`[n, outputs]`."""
        check_is_fitted(self, "parameters_")
        X = validate_data(self, X, dtype=[np.float64, np.float32], reset=False)
        self._check_categories(X)
        model = self.model_
        parts = (X[begin : begin + _PREDICTED_ROWS] for begin in range(0, len(X), _PREDICTED_ROWS))
        return np.concatenate([
            model.predict(self._numbers(part), categories=self._categories(part)) for part in parts])  # fmt: skip


class DescentRegressor(MultiOutputMixin, RegressorMixin, _Estimator):
    """A regressor whose network a Descent server trains.

    Args:
        hidden_layers: the units of each, or layers such as `descent.Dropout(0.1)`.
        activation: of the hidden layers that are numbers.
        loss: a word or a `descent.Loss`.
        optimizer: a word, with `learning_rate`; or an optimizer, such as `descent.AdamW(1e-3, weight_decay=0.1)`.
        learning_rate: of an optimizer that is a word.
        batch_size: rows of an update.
        epochs: passes of `fit` over the rows.
        shuffle: whether each pass takes them in a new order.
        random_state: of the first parameters and the orders; an integer makes `fit` give the same bits each time.
        categorical_features: columns of X that are categories, as numbers or names of columns or a mask: each has a table of
            vectors that is learned, its values are whole numbers (scikit-learn's OrdinalEncoder makes them), and those that `fit`
            has not met are taken too.
        server: where a descentd listens; None: one that is started for this process.
        client_options: further arguments of `descent.Client`, such as {"token": ...}.

    Attributes:
        network_: what it computes.
        parameters_: of the network, by name.
        loss_curve_: the mean loss of each pass, each batch's before its update.
        loss_: the last of them.
        n_iter_: the number of passes.
        t_: the number of rows seen.
        n_features_in_: features of a row.
    """

    def __init__(
        self,
        hidden_layers: Sequence[Union[int, Layer]] = (64,),
        activation: Union[str, Activation] = "relu",
        loss: Union[str, Loss] = "mean_squared_error",
        optimizer: Union[str, Optimizer] = "adam",
        learning_rate: float = 1e-3,
        batch_size: int = 64,
        epochs: int = 200,
        shuffle: bool = True,
        random_state: Any = None,
        categorical_features: Any = None,
        server: Optional[str] = None,
        client_options: Optional[Mapping[str, Any]] = None,
    ) -> None:
        super().__init__(hidden_layers, activation, optimizer, learning_rate, batch_size, epochs,
                         shuffle, random_state, categorical_features, server, client_options)  # fmt: skip
        self.loss = loss

    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Any:  # type: ignore[override]
        """One pass over the rows, of a network that stays what it is: the first call makes it."""
        return super().partial_fit(X, y, sample_weight=sample_weight)

    def predict(self, X: Any) -> Array:
        """Answers `[n]`, or `[n, outputs]` where the targets had two dimensions."""
        answers = self._predict(X)
        return np.asarray(answers[:, 0] if self._flat else answers)

    def _take_targets(self, y: Any, first: bool, classes: Any) -> Array:
        flat = y.ndim == 1
        targets = y.reshape(len(y), -1).astype(np.float64, copy=False)
        if first:
            self._flat = flat
            self.n_outputs_ = targets.shape[1]
        elif targets.shape[1] != self.n_outputs_:
            raise ValueError(f"y has {targets.shape[1]} outputs, expected {self.n_outputs_}")
        return np.asarray(targets)

    def _outputs_and_loss(self) -> Tuple[int, Union[str, Loss]]:
        return self.n_outputs_, self.loss


class DescentClassifier(ClassifierMixin, _Estimator):
    """A classifier whose network a Descent server trains, by cross-entropy.

    Args:
        hidden_layers: the units of each, or layers such as `descent.Dropout(0.1)`.
        activation: of the hidden layers that are numbers.
        optimizer: a word, with `learning_rate`; or an optimizer, such as `descent.AdamW(1e-3, weight_decay=0.1)`.
        learning_rate: of an optimizer that is a word.
        batch_size: rows of an update.
        epochs: passes of `fit` over the rows.
        shuffle: whether each pass takes them in a new order.
        random_state: of the first parameters and the orders; an integer makes `fit` give the same bits each time.
        categorical_features: columns of X that are categories, as numbers or names of columns or a mask: each has a table of
            vectors that is learned, its values are whole numbers (scikit-learn's OrdinalEncoder makes them), and those that `fit`
            has not met are taken too.
        server: where a descentd listens; None: one that is started for this process.
        client_options: further arguments of `descent.Client`, such as {"token": ...}.

    Attributes:
        classes_: in the order of the columns of `predict_proba`.
        network_, parameters_, loss_curve_, loss_, n_iter_, t_, n_features_in_: as of `DescentRegressor`.
    """

    def __init__(
        self,
        hidden_layers: Sequence[Union[int, Layer]] = (64,),
        activation: Union[str, Activation] = "relu",
        optimizer: Union[str, Optimizer] = "adam",
        learning_rate: float = 1e-3,
        batch_size: int = 64,
        epochs: int = 200,
        shuffle: bool = True,
        random_state: Any = None,
        categorical_features: Any = None,
        server: Optional[str] = None,
        client_options: Optional[Mapping[str, Any]] = None,
    ) -> None:
        super().__init__(hidden_layers, activation, optimizer, learning_rate, batch_size, epochs,
                         shuffle, random_state, categorical_features, server, client_options)  # fmt: skip

    def predict(self, X: Any) -> Array:
        """The likeliest class of each row, `[n]`."""
        check_is_fitted(self, "parameters_")
        likeliest = self.predict_proba(X).argmax(axis=1)
        return np.asarray(self.classes_[likeliest])

    def predict_proba(self, X: Any) -> Array:
        """Probabilities `[n, classes]`, in the order of `classes_`."""
        answers = self._predict(X)
        if len(self.classes_) != 2:
            return answers
        return np.hstack((1 - answers, answers))

    def predict_log_proba(self, X: Any) -> Array:
        """Logarithms of `predict_proba`."""
        with np.errstate(divide="ignore"):
            return np.asarray(np.log(self.predict_proba(X)))

    def _take_targets(self, y: Any, first: bool, classes: Any) -> Array:
        y = column_or_1d(y, warn=True)
        check_classification_targets(y)
        found = np.unique(y)
        if first:
            self.classes_ = found if classes is None else np.unique(classes)
        elif classes is not None and not np.array_equal(np.unique(classes), self.classes_):
            raise ValueError(f"classes: expected those of the first call, {self.classes_}, got {classes}")
        unknown = np.setdiff1d(found, self.classes_)
        if len(unknown):
            raise ValueError(f"y: {unknown} are not among the classes {self.classes_}")
        return np.asarray(np.searchsorted(self.classes_, y))

    def _outputs_and_loss(self) -> Tuple[int, Union[str, Loss]]:
        if len(self.classes_) == 2:
            return 1, "binary_cross_entropy"
        return len(self.classes_), "softmax_cross_entropy"


def _input_name(column: int) -> str:
    """What the categorical input of a column is called."""
    return f"column_{column}"


def _nobody(_: Any) -> None:
    pass
