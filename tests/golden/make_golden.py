#!/usr/bin/python3
"""Writes the golden files beside it: numbers of PyTorch's, in float64, that the core must give too.

    /usr/bin/python3 tests/golden/make_golden.py      (Debian: python3-torch)

The files are committed; the suites in tests/core read them and need no PyTorch.
"""

import json
import math
import pathlib
import sys

import torch
import torch.nn.functional as F

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "reference"))

import optimizers as reference  # noqa: E402  (needs the path above)

torch.set_default_dtype(torch.float64)
torch.set_num_threads(1)

ACTIVATIONS = {
    "identity": lambda z, alpha: z,
    "sigmoid": lambda z, alpha: torch.sigmoid(z),
    "tanh": lambda z, alpha: torch.tanh(z),
    "relu": lambda z, alpha: F.relu(z),
    "softsign": lambda z, alpha: F.softsign(z),
    "leaky_relu": lambda z, alpha: F.leaky_relu(z, alpha),
    "elu": lambda z, alpha: F.elu(z, alpha),
    "selu": lambda z, alpha: F.selu(z),
    "gelu": lambda z, alpha: F.gelu(z),
    "gelu_tanh": lambda z, alpha: F.gelu(z, approximate="tanh"),
    "silu": lambda z, alpha: F.silu(z),
    "mish": lambda z, alpha: F.mish(z),
    "softplus": lambda z, alpha: F.softplus(z, threshold=100),
    # PyTorch's own hardsigmoid has a 1/6 in single precision in its derivative.
    "hard_sigmoid": lambda z, alpha: F.relu6(z + 3) / 6,
    "hard_swish": lambda z, alpha: F.hardswish(z),
    "relu6": lambda z, alpha: F.relu6(z),
    "exponential": lambda z, alpha: torch.exp(z),
}
ALPHAS = {"leaky_relu": [0.01, 0.2], "elu": [1.0, 0.5]}


def activation_cases():
    points = torch.linspace(-6.5, 6.5, 40)
    for name, function in ACTIVATIONS.items():
        for alpha in ALPHAS.get(name, [None]):
            z = points.clone().requires_grad_()
            a = function(z, alpha)
            a.sum().backward()
            case = {"name": name, "z": points.tolist(), "value": a.tolist(),
                    "derivative": z.grad.tolist()}
            if alpha is not None:
                case["alpha"] = alpha
            yield case


def quantile_loss(w, y, q):
    return torch.maximum(q * (y - w), (q - 1) * (y - w))


def row_losses(name, w, y, options):
    """The losses of the rows of w, [rows]; y holds values [rows, outputs] or classes [rows]."""
    if name == "softmax_cross_entropy":
        return F.cross_entropy(w, y, reduction="none",
                               label_smoothing=options.get("label_smoothing", 0.0))
    y = y.to(w.dtype).reshape(w.shape)
    delta = options.get("delta")
    terms = {
        "half_squared_error": lambda: 0.5 * F.mse_loss(w, y, reduction="none"),
        "mean_squared_error": lambda: F.mse_loss(w, y, reduction="none"),
        "mean_absolute_error": lambda: F.l1_loss(w, y, reduction="none"),
        "huber": lambda: F.huber_loss(w, y, reduction="none", delta=1.0 if delta is None else delta),
        "log_cosh": lambda: torch.log(torch.cosh(w - y)),
        "binary_cross_entropy": lambda: F.binary_cross_entropy_with_logits(w, y, reduction="none"),
        "poisson": lambda: F.poisson_nll_loss(w, y, reduction="none"),
        "quantile": lambda: quantile_loss(w, y, 0.5 if delta is None else delta),
    }[name]()
    return terms.sum(1) if name == "half_squared_error" else terms.mean(1)


def loss_cases():
    generator = torch.Generator().manual_seed(2)

    def normal(*shape):
        return torch.randn(*shape, generator=generator)

    def uniform(*shape):
        return torch.rand(*shape, generator=generator)

    def classes(rows, count):
        return torch.randint(count, (rows,), generator=generator)

    real = [("half_squared_error", {}), ("mean_squared_error", {}), ("mean_absolute_error", {}),
            ("huber", {}), ("huber", {"delta": 0.3}), ("log_cosh", {}), ("quantile", {}),
            ("quantile", {"delta": 0.9})]
    cases = [(name, options, outputs, 2 * normal(5, outputs))
             for name, options in real for outputs in (1, 3, 19)]
    cases += [("poisson", {}, outputs, torch.poisson(4 * uniform(5, outputs), generator=generator))
              for outputs in (1, 6)]
    cases += [("binary_cross_entropy", {}, outputs, uniform(5, outputs)) for outputs in (1, 9)]
    cases += [("binary_cross_entropy", {}, 1, classes(5, 2))]
    for outputs in (2, 10, 33):
        for options in ({}, {"label_smoothing": 0.1}):
            cases += [("softmax_cross_entropy", options, outputs, classes(5, outputs)),
                      ("softmax_cross_entropy", options, outputs,
                       torch.softmax(normal(5, outputs), 1))]
    for name, options, outputs, y in cases:
        w = (2 * normal(5, outputs)).requires_grad_()
        v = uniform(5) + 0.1
        losses = row_losses(name, w, y, options)
        total = (v * losses).sum() / v.sum()
        total.backward()
        targets = {"targets": y.tolist()} if y.dim() == 2 else {"classes": y.tolist()}
        yield {"name": name, **options, "predictions": w.tolist(), **targets,
               "weights": v.tolist(), "losses": losses.tolist(), "loss": total.item(),
               "gradient": w.grad.tolist()}


def torch_optimizer(make):
    """Adapts a torch.optim class to step(parameters, gradient, lr) on a list."""

    class Adapter:
        def __init__(self, parameters, **options):
            self.tensor = torch.tensor(parameters, requires_grad=True)
            self.optimizer = make([self.tensor], options)

        def step(self, parameters, gradient, lr):
            self.optimizer.param_groups[0]["lr"] = lr
            self.tensor.grad = torch.tensor(gradient)
            self.optimizer.step()
            parameters[:] = self.tensor.tolist()

    return Adapter


def with_torch_names(options, **renamed):
    names = {"epsilon": "eps", **renamed}
    return {names.get(key, key): value for key, value in options.items()}


def with_betas(options):
    options = with_torch_names(options)
    betas = (options.pop("beta1", 0.9), options.pop("beta2", 0.999))
    return {"betas": betas, **options}


OPTIMIZERS = {
    "sgd": torch_optimizer(lambda p, o: torch.optim.SGD(p, lr=1, **o)),
    "adam": torch_optimizer(lambda p, o: torch.optim.Adam(p, **with_betas(o))),
    "adamw": torch_optimizer(lambda p, o: torch.optim.AdamW(p, **with_betas(o))),
    "rmsprop": torch_optimizer(lambda p, o: torch.optim.RMSprop(p, **with_torch_names(o))),
    "adagrad": torch_optimizer(lambda p, o: torch.optim.Adagrad(p, **with_torch_names(o))),
    "adadelta": torch_optimizer(lambda p, o: torch.optim.Adadelta(p, **with_torch_names(o))),
    "nadam": reference.Nadam,
    "lion": reference.Lion,
    "ftrl": reference.Ftrl,
}

OPTIMIZER_CASES = [
    ("sgd", {}, 0.1),
    ("sgd", {"weight_decay": 0.01}, 0.1),
    ("sgd", {"momentum": 0.9}, 0.1),
    ("sgd", {"momentum": 0.8, "nesterov": True, "weight_decay": 0.05}, 0.05),
    ("adam", {}, 0.01),
    ("adam", {"beta1": 0.5, "beta2": 0.9, "epsilon": 1e-3, "weight_decay": 0.1}, 0.05),
    ("adam", {"amsgrad": True, "beta2": 0.8}, 0.05),
    ("adamw", {}, 0.01),
    ("adamw", {"weight_decay": 0.3, "amsgrad": True, "beta2": 0.8}, 0.05),
    ("rmsprop", {}, 0.01),
    ("rmsprop", {"alpha": 0.8, "epsilon": 1e-4, "weight_decay": 0.1}, 0.02),
    ("rmsprop", {"momentum": 0.9}, 0.01),
    ("rmsprop", {"alpha": 0.9, "momentum": 0.5, "centered": True}, 0.01),
    ("rmsprop", {"alpha": 0.9, "centered": True, "weight_decay": 0.02}, 0.01),
    ("adagrad", {}, 0.1),
    ("adagrad", {"initial_accumulator_value": 0.1, "lr_decay": 0.2, "weight_decay": 0.1}, 0.1),
    ("adadelta", {}, 1.0),
    ("adadelta", {"rho": 0.6, "epsilon": 1e-3, "weight_decay": 0.1}, 0.5),
    ("nadam", {}, 0.01),
    ("nadam", {"beta1": 0.8, "beta2": 0.95, "momentum_decay": 0.1, "weight_decay": 0.1}, 0.05),
    ("lion", {}, 0.01),
    ("lion", {"beta1": 0.7, "beta2": 0.8, "weight_decay": 0.2}, 0.05),
    ("ftrl", {}, 0.1),
    ("ftrl", {"beta": 0.5, "l1": 0.6, "l2": 0.3}, 0.2),
]


def clipped(gradient, clip_norm, clip_value):
    """torch.nn.utils.clip_grad_norm_, then clip_grad_value_, of one tensor."""
    tensor = torch.zeros(len(gradient), requires_grad=True)
    tensor.grad = torch.tensor(gradient)
    if clip_norm is not None:
        torch.nn.utils.clip_grad_norm_([tensor], clip_norm)
    if clip_value is not None:
        torch.nn.utils.clip_grad_value_([tensor], clip_value)
    return tensor.grad.tolist()


def optimizer_cases():
    generator = torch.Generator().manual_seed(3)
    start = torch.randn(7, generator=generator).tolist()
    gradients = torch.randn(20, 7, generator=generator)
    gradients[:, 5] = 0  # never a gradient,
    gradients[:8, 6] = 0  # and none at first
    gradients = gradients.tolist()
    cases = [(name, options, [lr] * 20, None, None) for name, options, lr in OPTIMIZER_CASES]
    # A rate that changes at every step, and clipping.
    cases += [(name, {}, [lr * (1 + math.sin(t)) / 2 + lr / 9 for t in range(20)], 2.5, 0.8)
              for name, lr in (("sgd", 0.1), ("adam", 0.01), ("ftrl", 0.1))]
    yield {"start": start, "gradients": gradients}
    for name, options, rates, clip_norm, clip_value in cases:
        parameters = list(start)
        optimizer = OPTIMIZERS[name](parameters, **options)
        trajectory = []
        for gradient, rate in zip(gradients, rates):
            optimizer.step(parameters, clipped(gradient, clip_norm, clip_value), rate)
            trajectory.append(list(parameters))
        case = {"name": name, "options": options, "learning_rates": rates, "parameters": trajectory}
        if clip_norm is not None:
            case.update(clip_norm=clip_norm, clip_value=clip_value)
        yield case


def schedule_cases():
    base, steps = 0.3, 80
    lrs = torch.optim.lr_scheduler
    decays = [
        ("constant", {}, lambda o: lrs.LambdaLR(o, lambda s: 1.0)),
        ("step", {"step_size": 7, "gamma": 0.6}, lambda o: lrs.StepLR(o, 7, 0.6)),
        ("exponential", {"gamma": 0.93}, lambda o: lrs.ExponentialLR(o, 0.93)),
        ("cosine", {"period": 9}, lambda o: lrs.CosineAnnealingWarmRestarts(o, 9)),
        ("cosine", {"period": 5, "period_multiplier": 3, "minimum_learning_rate": 0.02},
         lambda o: lrs.CosineAnnealingWarmRestarts(o, 5, 3, 0.02)),
        ("inverse_time", {"decay_steps": 4, "decay_rate": 0.7},
         lambda o: lrs.LambdaLR(o, lambda s: 1 / (1 + 0.7 * s / 4))),
    ]
    for name, options, make in decays:
        for warmup in (0, 6):
            optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=base)
            rates = [base * (s + 1) / (warmup + 1) for s in range(warmup)]
            scheduler = make(optimizer)
            for _ in range(steps - warmup):
                rates.append(optimizer.param_groups[0]["lr"])
                optimizer.step()
                scheduler.step()
            yield {"name": name, "options": options, "warmup_steps": warmup, "base": base,
                   "rates": rates}


NETWORKS = [
    # inputs, units and activation of each layer, loss, loss options, optimizer, options, lr, bias
    (4, [(6, "tanh"), (2, "identity")], "mean_squared_error", {}, "adam", {}, 0.01),
    (3, [(5, "gelu"), (4, "silu"), (3, "identity")], "softmax_cross_entropy",
     {"label_smoothing": 0.1}, "sgd", {"momentum": 0.9, "nesterov": True}, 0.05),
    (5, [(8, "elu"), (7, "softplus"), (6, "selu"), (1, "identity")], "binary_cross_entropy", {},
     "rmsprop", {"centered": True, "momentum": 0.5}, 0.01),
    (2, [(9, "mish"), (1, "identity")], "poisson", {}, "adamw", {"weight_decay": 0.1}, 0.02),
    (6, [(4, "relu"), (3, "sigmoid")], "huber", {"delta": 0.4}, "adagrad", {}, 0.1),
]


def network_cases():
    generator = torch.Generator().manual_seed(5)

    def normal(*shape):
        return torch.randn(*shape, generator=generator)

    rows, steps = 6, 6
    for inputs, layers, loss, loss_options, optimizer_name, options, lr in NETWORKS:
        tensors = []
        width = inputs
        for units, _ in layers:
            tensors += [normal(width, units) / math.sqrt(width), 0.1 * normal(units)]
            width = units
        parameters = torch.cat([t.reshape(-1) for t in tensors]).tolist()
        case = {"inputs": inputs, "layers": layers, "loss": loss, "loss_options": loss_options,
                "optimizer": optimizer_name, "options": options, "learning_rate": lr,
                "start": list(parameters), "steps": []}
        optimizer = OPTIMIZERS[optimizer_name](parameters, **options)
        for _ in range(steps):
            x = normal(rows, inputs).requires_grad_()
            if loss == "softmax_cross_entropy":
                y = torch.randint(width, (rows,), generator=generator)
            elif loss == "binary_cross_entropy":
                y = torch.rand(rows, width, generator=generator)
            elif loss == "poisson":
                y = torch.poisson(2 * torch.rand(rows, width, generator=generator),
                                  generator=generator)
            else:
                y = normal(rows, width)
            v = torch.rand(rows, generator=generator)
            flat = torch.tensor(parameters, requires_grad=True)
            a, begin, fan_in = x, 0, inputs
            for units, activation in layers:
                kernel = flat[begin:begin + fan_in * units].reshape(fan_in, units)
                begin += fan_in * units
                bias = flat[begin:begin + units]
                begin += units
                a = ACTIVATIONS[activation](a @ kernel + bias, 1.0)
                fan_in = units
            total = (v * row_losses(loss, a, y, loss_options)).sum() / v.sum()
            total.backward()
            optimizer.step(parameters, flat.grad.tolist(), lr)
            targets = {"targets": y.tolist()} if y.dim() == 2 else {"classes": y.tolist()}
            case["steps"].append({"inputs": x.tolist(), **targets, "weights": v.tolist(),
                                  "outputs": a.tolist(), "loss": total.item(),
                                  "input_gradient": x.grad.tolist(),
                                  "gradient": flat.grad.tolist(),
                                  "parameters": list(parameters)})
        yield case


def main():
    for name, cases in (("activations", activation_cases), ("losses", loss_cases),
                        ("optimizers", optimizer_cases), ("schedules", schedule_cases),
                        ("networks", network_cases)):
        path = HERE / f"{name}.json"
        # One case a line.
        lines = [json.dumps(case, separators=(",", ":")) for case in cases()]
        path.write_text("[\n" + ",\n".join(lines) + "\n]\n")
        print(f"{path.name}: {len(lines)} cases, {path.stat().st_size // 1024} KiB")


if __name__ == "__main__":
    main()
