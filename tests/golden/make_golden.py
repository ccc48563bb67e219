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


LAYER_NETWORKS = [
    # inputs, layers, input normalization, optimizer, options, lr
    (4, [(6, "tanh"), ("layer_norm", 1e-5, False), (2, "identity")], None, "adam", {}, 0.01),
    (4, [("layer_norm", 1e-3, True), (6, "gelu"), ("dropout", 0.3), (2, "identity")], None, "sgd",
     {"momentum": 0.9}, 0.05),
    (5, [(7, "relu"), ("residual", [("layer_norm", 1e-5, False), (9, "silu"), (7, "identity")]),
         ("residual", [("residual", [(7, "tanh")]), ("dropout", 0.5)]), (2, "identity")], None,
     "adamw", {"weight_decay": 0.1}, 0.01),
    (3, [(6, "tanh"), ("dropout", 0.25), (2, "identity")],
     {"epsilon": 1e-8, "freeze_after_rows": 0, "half_life_rows": 0}, "adam", {}, 0.02),
    (3, [("residual", [(3, "tanh")]), (2, "identity")],
     {"epsilon": 1e-3, "freeze_after_rows": 20, "half_life_rows": 8}, "rmsprop", {}, 0.01),
]


def philox(counter, key):
    """Philox 4x32-10. Source: Salmon et al. (2011)."""
    c, (k0, k1) = list(counter), key
    for _ in range(10):
        p0, p1 = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
        c = [(p1 >> 32) ^ c[1] ^ k0, p1 & 0xFFFFFFFF, (p0 >> 32) ^ c[3] ^ k1, p0 & 0xFFFFFFFF]
        k0, k1 = (k0 + 0x9E3779B9) & 0xFFFFFFFF, (k1 + 0xBB67AE85) & 0xFFFFFFFF
    return c


def dropout_mask(seed, place, step, rows, columns, rate):
    """What core/layers/dropout.h keeps: 1 or 0."""
    key = philox((step, 0, place, 0x64726F70), (seed, 0))[:2]
    threshold = round(rate * 2**32)

    def kept(i, j):
        return philox((16 * (j // 64) + j % 16, i, 0, 0), key)[j % 64 // 16] >= threshold

    return torch.tensor([[float(kept(i, j)) for j in range(columns)] for i in range(rows)])


def normalized(x, seen, options):
    """x by the statistics of all rows `seen`, in two passes; None: not at all."""
    if options is None:
        return x
    rows = torch.cat(seen)
    half_life = options["half_life_rows"]
    age = torch.arange(len(rows) - 1, -1, -1, dtype=torch.float64)
    weights = torch.ones(len(rows)) if half_life == 0 else 2.0 ** (-age / half_life)
    weights = (weights / weights.sum())[:, None]
    mean = (weights * rows).sum(0)
    variance = (weights * (rows - mean) ** 2).sum(0)
    return (x - mean) / torch.sqrt(variance + options["epsilon"])


class Run:
    """One forward pass over flat parameters, dropping what `seed` and `step` say."""

    def __init__(self, flat, seed, step):
        self.flat, self.seed, self.step = flat, seed, step
        self.begin = 0  # of the next parameter
        self.place = 0  # of the next layer, those of a layer before the layer itself

    def take(self, *shape):
        size = math.prod(shape)
        self.begin += size
        return self.flat[self.begin - size:self.begin].reshape(shape)

    def layers(self, layers, a):
        for layer in layers:
            a = self.layer(layer, a)
            self.place += 1
        return a

    def layer(self, layer, a):
        width = a.shape[1]
        if layer[0] == "dropout":
            mask = dropout_mask(self.seed, self.place, self.step, len(a), width, layer[1])
            return a * mask / (1 - layer[1])
        if layer[0] == "layer_norm":
            gain = self.take(width)
            bias = None if layer[2] else self.take(width)
            return F.layer_norm(a, (width,), gain, bias, layer[1])
        if layer[0] == "residual":
            return a + self.layers(layer[1], a)
        kernel, bias = self.take(width, layer[0]), self.take(layer[0])
        return ACTIVATIONS[layer[1]](a @ kernel + bias, 1.0)


def starting_parameters(layers, width, normal):
    """Tensors in the order of the flat buffer, and the width at the end."""
    tensors = []
    for layer in layers:
        if layer[0] == "layer_norm":
            tensors += [1 + 0.1 * normal(width)] + ([] if layer[2] else [0.1 * normal(width)])
        elif layer[0] == "residual":
            tensors += starting_parameters(layer[1], width, normal)[0]
        elif layer[0] != "dropout":
            tensors += [normal(width, layer[0]) / math.sqrt(width), 0.1 * normal(layer[0])]
            width = layer[0]
    return tensors, width


def random_targets(loss, rows, width, normal, generator):
    if loss == "softmax_cross_entropy":
        return torch.randint(width, (rows,), generator=generator)
    if loss == "binary_cross_entropy":
        return torch.rand(rows, width, generator=generator)
    if loss == "poisson":
        return torch.poisson(2 * torch.rand(rows, width, generator=generator), generator=generator)
    return normal(rows, width)


def trajectories(networks, seed, generator):
    def normal(*shape):
        return torch.randn(*shape, generator=generator)

    rows, steps = 6, 6
    for inputs, layers, loss, loss_options, normalization, optimizer_name, options, lr in networks:
        tensors, width = starting_parameters(layers, inputs, normal)
        parameters = torch.cat([t.reshape(-1) for t in tensors]).tolist()
        case = {"inputs": inputs, "layers": layers, "loss": loss, "loss_options": loss_options,
                "optimizer": optimizer_name, "options": options, "learning_rate": lr,
                "start": list(parameters), "steps": []}
        if seed != 0:
            case["seed"] = seed
        if normalization is not None:
            case["input_normalization"] = normalization
        optimizer = OPTIMIZERS[optimizer_name](parameters, **options)
        seen = []
        for step in range(steps):
            x = normal(rows, inputs)
            if normalization is not None:
                x = 3 * x + 10
            x.requires_grad_()
            y = random_targets(loss, rows, width, normal, generator)
            v = torch.rand(rows, generator=generator)
            flat = torch.tensor(parameters, requires_grad=True)
            if normalization is not None:
                freeze = normalization["freeze_after_rows"]
                if freeze == 0 or sum(map(len, seen)) < freeze:
                    seen.append(x.detach())
            # Setting the start counts as an update.
            run = Run(flat, seed, step + 1)
            a = run.layers(layers, normalized(x, seen, normalization))
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


def network_cases():
    networks = [(inputs, layers, loss, loss_options, None, optimizer, options, lr)
                for inputs, layers, loss, loss_options, optimizer, options, lr in NETWORKS]
    return trajectories(networks, 0, torch.Generator().manual_seed(5))


def layer_cases():
    networks = [(inputs, layers, "mean_squared_error", {}, normalization, optimizer, options, lr)
                for inputs, layers, normalization, optimizer, options, lr in LAYER_NETWORKS]
    return trajectories(networks, 9, torch.Generator().manual_seed(7))


EMBEDDING_NETWORKS = [
    # inputs, tables (name, buckets, dimension, combiner, form), units of the hidden layer, optimizer,
    # options, lr. Forms: "one" category a row, or "bag"s of them, or such with "weights", which
    # PyTorch has for sums only.
    (2, [("one", 7, 3, "sum", "one"), ("bag", 5, 2, "mean", "bag"), ("weighted", 6, 2, "sum", "weights")],
     4, "sgd", {}, 0.1),
    # SparseAdam adds epsilon where Adam adds epsilon sqrt(1 - beta2^t): it has to be too small to be
    # seen.
    (1, [("weighted", 9, 2, "sum", "weights"), ("bag", 6, 3, "sum", "bag")], 4, "adam",
     {"beta1": 0.8, "beta2": 0.95, "epsilon": 1e-30}, 0.02),
    (0, [("one", 6, 2, "mean", "one"), ("bag", 7, 3, "mean", "bag")], 4, "adagrad",
     {"initial_accumulator_value": 0.1, "lr_decay": 0.05}, 0.1),
]


def sparse_optimizers(name, tables, dense, options, lr):
    """PyTorch's optimizers that update the rows of tables that have gradients, and no others."""
    if name == "sgd":
        return [torch.optim.SGD(tables + dense, lr=lr, **options)]
    if name == "adagrad":
        return [torch.optim.Adagrad(tables + dense, lr=lr, **options)]
    options = with_betas(options)
    return [torch.optim.SparseAdam(tables, lr=lr, **options), torch.optim.Adam(dense, lr=lr, **options)]


def random_bags(buckets, form, rows, generator):
    """Ids, row splits and weights, None where the form has none. One bag is empty."""
    if form == "one":
        return torch.randint(buckets, (rows,), generator=generator), None, None
    sizes = [(row + 3) % 4 for row in range(rows)]
    splits = torch.tensor([sum(sizes[:row]) for row in range(rows + 1)])
    ids = torch.randint(buckets, (sum(sizes),), generator=generator)
    ids[1] = ids[0]  # of the first row, which has three
    weights = torch.randn(len(ids), generator=generator) if form == "weights" else None
    return ids, splits, weights


def embedding_cases():
    generator = torch.Generator().manual_seed(11)

    def normal(*shape):
        return torch.randn(*shape, generator=generator)

    rows, steps, outputs = 5, 20, 2
    for inputs, tables, hidden, optimizer_name, options, lr in EMBEDDING_NETWORKS:
        bags = [torch.nn.EmbeddingBag(buckets, dimension, mode=combiner, sparse=True,
                                      include_last_offset=True, _weight=normal(buckets, dimension))
                for _, buckets, dimension, combiner, _ in tables]
        width = inputs + sum(table[2] for table in tables)
        dense = [torch.nn.Parameter(t) for t in starting_parameters(
            [(hidden, "tanh"), (outputs, "identity")], width, normal)[0]]
        parameters = dense + [bag.weight for bag in bags]
        optimizers = sparse_optimizers(optimizer_name, [bag.weight for bag in bags], dense, options, lr)

        def flat(tensors):
            return torch.cat([t.reshape(-1) for t in tensors]).tolist()

        case = {"inputs": inputs,
                "categorical_inputs": [{"name": name, "buckets": buckets, "dimension": dimension,
                                        "combiner": combiner}
                                       for name, buckets, dimension, combiner, _ in tables],
                "layers": [(hidden, "tanh"), (outputs, "identity")], "loss": "mean_squared_error",
                "loss_options": {}, "optimizer": optimizer_name, "options": options,
                "learning_rate": lr, "start": flat(parameters), "steps": []}
        for _ in range(steps):
            x = normal(rows, inputs).requires_grad_()
            y, v = normal(rows, outputs), torch.rand(rows, generator=generator)
            categories, blocks = [], []
            for bag, (_, buckets, _, _, form) in zip(bags, tables):
                ids, splits, weights = random_bags(buckets, form, rows, generator)
                offsets = torch.arange(rows + 1) if splits is None else splits
                blocks.append(bag(ids, offsets, per_sample_weights=weights))
                named = {"ids": ids, "row_splits": splits, "weights": weights}
                categories.append({key: t.tolist() for key, t in named.items() if t is not None})
            kernel, bias, last_kernel, last_bias = dense
            a = torch.tanh(torch.cat([x] + blocks, 1) @ kernel + bias) @ last_kernel + last_bias
            total = (v * row_losses("mean_squared_error", a, y, {})).sum() / v.sum()
            for optimizer in optimizers:
                optimizer.zero_grad()
            total.backward()
            gradient = flat([p.grad.to_dense() if p.grad.is_sparse else p.grad for p in parameters])
            for optimizer in optimizers:
                optimizer.step()
            case["steps"].append({"inputs": x.tolist(), "categories": categories,
                                  "targets": y.tolist(), "weights": v.tolist(),
                                  "outputs": a.tolist(), "loss": total.item(),
                                  "input_gradient": x.grad.tolist() if inputs > 0 else x.tolist(),
                                  "gradient": gradient, "parameters": flat(parameters)})
        yield case


def main():
    for name, cases in (("activations", activation_cases), ("losses", loss_cases),
                        ("optimizers", optimizer_cases), ("schedules", schedule_cases),
                        ("networks", network_cases), ("layers", layer_cases),
                        ("embeddings", embedding_cases)):
        path = HERE / f"{name}.json"
        # One case a line.
        lines = [json.dumps(case, separators=(",", ":")) for case in cases()]
        path.write_text("[\n" + ",\n".join(lines) + "\n]\n")
        print(f"{path.name}: {len(lines)} cases, {path.stat().st_size // 1024} KiB")


if __name__ == "__main__":
    main()
