"""Settings and messages: no field and no kind of the contract is missing, and all come back as they were given.

    specs_test.py DESCENTD
"""

import dataclasses
import unittest

import package
import descent
from descent import _contract, network, optimizers
from descent._contract import message_class
from live_server import LiveServer

SPECS = {
    "Dense": ("DenseLayer", {}),
    "Dropout": ("DropoutLayer", {}),
    "LayerNorm": ("LayerNormLayer", {}),
    "Residual": ("ResidualLayer", {}),
    "Activation": ("Activation", {}),
    "Initializer": ("Initializer", {}),
    "Loss": ("Loss", {}),
    "InputNormalization": ("InputNormalization", {}),
    "Categorical": ("CategoricalInput", {}),
    "Network": ("NetworkSpec", {"inputs": "input_features", "dtype": "data_type",
                                "categorical": "categorical_inputs"}),
}


def fields(kind):
    return {item.name for item in dataclasses.fields(kind)}


def message_fields(name):
    return set(message_class(name).DESCRIPTOR.fields_by_name)


def message_name(field):
    return field.message_type.name


class SpecsTest(unittest.TestCase):
    def test_each_setting_has_the_fields_of_its_message(self):
        for kind, (message, renamed) in SPECS.items():
            ours = {renamed.get(name, name) for name in fields(getattr(network, kind))}
            self.assertEqual(ours, message_fields(message), kind)

    def test_every_layer_optimizer_and_schedule_of_the_contract_is_there(self):
        layer = message_class("Layer").DESCRIPTOR
        self.assertEqual(set(network._KINDS), {field.name for field in layer.oneofs[0].fields})
        spec = message_class("OptimizerSpec").DESCRIPTOR
        shared = fields(descent.Optimizer)
        self.assertEqual(shared | set(optimizers._ALGORITHMS), set(spec.fields_by_name))
        for name, kind in optimizers._ALGORITHMS.items():
            message = message_name(spec.fields_by_name[name])
            self.assertEqual(fields(kind) - shared, message_fields(message), name)
        schedule = message_class("LearningRateSchedule").DESCRIPTOR
        self.assertEqual(
            set(optimizers._SCHEDULES), {field.name for field in schedule.oneofs[0].fields})
        for name, kind in optimizers._SCHEDULES.items():
            message = message_name(schedule.fields_by_name[name])
            self.assertEqual(fields(kind) - {"warmup_steps"}, message_fields(message), name)

    def test_an_unknown_word_is_refused_with_those_that_there_are(self):
        for make in (
            lambda: descent.Network(1, [descent.Dense(1, "rellu")]).to_message(),
            lambda: descent.Network(1, [descent.Dense(1)], loss="mse").to_message(),
            lambda: descent.Network(1, [descent.Dense(1)], dtype="double").to_message(),
            lambda: descent.Network(1, [descent.Dense(1, kernel_initializer="he")]).to_message(),
            lambda: descent.Network(0, [descent.Dense(1)], categorical=[
                descent.Categorical("a", 2, 1, hashing="md5")]).to_message(),
            lambda: descent.Network(0, [descent.Dense(1)], categorical=[
                descent.Categorical("a", 2, 1, combiner="max")]).to_message(),
            lambda: optimizers.as_optimizer("adams"),
        ):
            with self.assertRaisesRegex(ValueError, "expected one of .*; got '"):
                make()

    def test_a_number_that_is_none_is_refused_by_its_name(self):
        with self.assertRaisesRegex(TypeError, "Dense.units"):
            descent.Network(1, [descent.Dense("8")]).to_message()
        with self.assertRaisesRegex(TypeError, "layers: expected Dense"):
            descent.Network(1, ["relu"]).to_message()
        with self.assertRaisesRegex(TypeError, "Categorical.buckets"):
            descent.Network(0, [descent.Dense(1)], categorical=[
                descent.Categorical("a", "2", 1)]).to_message()
        with self.assertRaisesRegex(TypeError, "categorical: expected Categorical"):
            descent.Network(0, [descent.Dense(1)], categorical=["color"]).to_message()


class ServedSpecsTest(unittest.TestCase):
    """What a server tells of a model is what it was made with, so that `exist_ok` knows it again."""

    @classmethod
    def setUpClass(cls):
        cls.server = cls.enterClassContext(LiveServer(package.descentd))
        cls.client = cls.enterClassContext(descent.Client(cls.server.address))

    def check(self, network, optimizer=descent.Adam()):
        model = self.client.create("m", network, optimizer)
        try:
            self.assertEqual(model.network, network)
            self.client.create("m", network, exist_ok=True)
            told = model.info().optimizer
            for item in dataclasses.fields(optimizer):
                given = getattr(optimizer, item.name)
                if given is not None and item.name != "schedule":
                    self.assertEqual(getattr(told, item.name), given, item.name)
        finally:
            model.delete()

    def test_every_activation(self):
        for kind in _contract.ACTIVATIONS:
            with self.subTest(kind):
                self.check(descent.Network(2, (descent.Dense(2, kind),)))
        for kind in ("leaky_relu", "elu"):
            self.check(descent.Network(2, (descent.Dense(2, descent.Activation(kind, 0.25)),)))

    def test_every_loss(self):
        for kind in _contract.LOSSES:
            with self.subTest(kind):
                self.check(descent.Network(2, (descent.Dense(2),), loss=kind))
        for loss in (descent.Loss("huber", delta=2.0), descent.Loss("quantile", delta=0.25),
                     descent.Loss("softmax_cross_entropy", label_smoothing=0.25)):
            self.check(descent.Network(2, (descent.Dense(2),), loss=loss))

    def test_every_initializer(self):
        for kind in _contract.INITIALIZERS:
            with self.subTest(kind):
                self.check(descent.Network(2, (descent.Dense(2, kernel_initializer=kind),)))

    def test_every_layer_and_both_types(self):
        layers = (
            descent.Dense(4, "relu", omit_bias=True),
            descent.Residual((descent.LayerNorm(omit_bias=True), descent.Dense(4, "gelu"),
                              descent.Residual((descent.LayerNorm(1e-3),)))),
            descent.Dropout(0.25),
            descent.Dense(1, bias_initializer=descent.Initializer("constant", 0.5)),
        )
        for dtype in ("float32", "float64"):
            self.check(descent.Network(
                3, layers, dtype=dtype, seed=2**64 - 1,
                input_normalization=descent.InputNormalization(1e-6, 100, 10.0)))

    def test_every_kind_of_categorical_input(self):
        for inputs in (0, 3):
            self.check(descent.Network(inputs, (descent.Dense(1),), categorical=(
                descent.Categorical("plain", 3, 2),
                *(descent.Categorical(f"{hashing}_{combiner}", 5, 1, None if hashing == "none" else hashing, combiner)
                  for hashing in _contract.HASHINGS for combiner in _contract.COMBINERS),
                *(descent.Categorical(kind, 4, 3, initializer=kind) for kind in _contract.INITIALIZERS),
                descent.Categorical("scaled", 4, 3, initializer=descent.Initializer("constant", 0.25)))))
        wide = descent.Network(2, (descent.Dropout(0.1),), categorical=(
            descent.Categorical("a", 9, 3), descent.Categorical("b", 9, 4)))
        self.assertEqual(wide.outputs, 9)
        self.check(wide)

    def test_every_optimizer_and_schedule(self):
        plain = descent.Network(2, (descent.Dense(2),))
        schedules = (
            descent.Schedule(3), descent.Stairs(1, 5, 0.5), descent.Exponential(2, 0.5),
            descent.Cosine(0, 7, 2, 1e-4), descent.InverseTime(0, 3, 0.5))
        for kind in optimizers._ALGORITHMS.values():
            for schedule in (None, *schedules):
                with self.subTest(kind=kind.__name__, schedule=schedule):
                    optimizer = kind(learning_rate=0.01, schedule=schedule, clip_norm=1.0)
                    self.check(plain, optimizer)
        model = self.client.create("s", plain, descent.Sgd(schedule=schedules[3]))
        self.assertEqual(model.info().optimizer.schedule, schedules[3])

    def test_another_network_of_the_same_name_is_refused(self):
        self.client.create("other", descent.Network(2, (descent.Dense(2),)))
        for network in (descent.Network(2, (descent.Dense(3),)),
                        descent.Network(2, (descent.Dense(2, "relu"),)),
                        descent.Network(2, (descent.Dense(2),), seed=1),
                        descent.Network(2, (descent.Dense(2),), categorical=(descent.Categorical("a", 2, 1),))):
            with self.assertRaisesRegex(descent.AlreadyExistsError, "its network is another one"):
                self.client.create("other", network, exist_ok=True)


if __name__ == "__main__":
    package.main()
