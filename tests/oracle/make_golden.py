#!/usr/bin/env python3
"""Makes the golden files of tests/oracle/test_oracle.cpp: what PyTorch says that results should be.

  make_golden.py            writes the files beside this script
  make_golden.py --check    makes them anew, writes nothing, and compares them with those here

All is computed in float64. Inputs are random numbers from numpy's RandomState (the same in every
version), rounded to float32, so that a program in either precision starts from the same numbers.

  operations.safetensors   each operation of autograd/ops.h
  layers.safetensors       each layer and bijection
  optimizers.safetensors   optimisers on given gradients, and clipping
  training.safetensors     200 steps of each of the three models: what goes in, losses, results
  normalizing_flow.safetensors, flow_matching.safetensors, conditional_flow_matching.safetensors
                           the weights after these steps, under the names of state_dict()
"""

import argparse
import copy
import pathlib
import sys
import zlib

import numpy as np
import torch
from torch.nn import functional as F

import models
import tensor_file

HERE = pathlib.Path(__file__).resolve().parent
torch.set_default_dtype(torch.float64)
torch.set_num_threads(1)


def random(name):
    """A generator of its own for each name, so that a new row does not change the others."""
    return np.random.RandomState(zlib.crc32(name.encode()))


def rounded(array):
    return np.asarray(array).astype(np.float32).astype(np.float64)


def numbers(tensor):
    """As an array. The copy matters: PyTorch 1.13 has gradients of zeros that own no memory, and
    numpy() of such a tensor alone shows what happens to lie there."""
    return tensor.detach().clone().numpy()


def weights_like(tensor, rng):
    """Random numbers of either sign, none small: a contraction with them sees every element."""
    shape = tuple(tensor.shape)
    return rounded(rng.uniform(0.5, 1.5, shape) * rng.choice([-1, 1], shape))


def derivatives(ys, leaves, rng):
    """The gradient "d NAME" of sum(w y) over all outputs with respect to each of the named leaves,
    and that of these gradients contracted once more, sum(v d), as "dd NAME"."""
    xs = list(leaves.values())
    out = {}
    total = 0
    for k, y in enumerate(ys):
        w = weights_like(y, rng)
        out[f"w{k}"] = w.astype(np.float32)
        total = total + (torch.tensor(w) * y).sum()

    def gradient(of, record):
        if not (torch.is_tensor(of) and of.requires_grad):
            return [torch.zeros_like(x) for x in xs]
        g = torch.autograd.grad(of, xs, create_graph=record, allow_unused=True)
        return [torch.zeros_like(x) if d is None else d for d, x in zip(g, xs)]

    contracted = 0
    for name, g in zip(leaves, gradient(total, True)):
        v = weights_like(g, rng)
        out[f"d {name}"] = numbers(g)
        out[f"v {name}"] = v.astype(np.float32)
        contracted = contracted + (torch.tensor(v) * g).sum()
    for name, g in zip(leaves, gradient(contracted, False)):
        out[f"dd {name}"] = numbers(g)
    return out


# --- Operations ---------------------------------------------------------------------------------
# A row is named by the declaration in ops.h, the arguments that are not Vars, and the case's number.

def any_(*shape):
    """-2 to 2, not closer than 0.1 to the kinks at 0 and 1 and -0.5."""
    def draw(rng):
        x = rng.uniform(-2, 2, shape)
        while True:
            near = np.min([np.abs(x - kink) for kink in (0, 1, -0.5)], axis=0) < 0.1
            if not near.any():
                return x
            x = np.where(near, rng.uniform(-2, 2, shape), x)
    return draw


def positive(*shape):
    return lambda rng: rng.uniform(0.5, 2.5, shape)


def nonzero(*shape):
    return lambda rng: rng.uniform(0.5, 2.5, shape) * rng.choice([-1, 1], shape)


def solvable(n):
    """A square matrix whose diagonal is larger than the rest of a row."""
    return lambda rng: rng.uniform(-1, 1, (n, n)) / n + 2 * np.eye(n)


def given(values):
    return lambda rng: np.array(values, dtype=np.float64)


def mask(*shape):
    return lambda rng: (rng.permutation(int(np.prod(shape))) % 2).reshape(shape)


BROADCASTING = [((2, 3), (2, 3)), ((2, 3), (3,)), ((2, 3), (2, 1)), ((2, 1), (1, 3)), ((2, 3), ()),
                ((), (2, 3)), ((3,), (2, 1)), ((2, 1, 3), (4, 1)), ((2, 3, 2), (1, 1, 1)),
                ((2, 2, 1, 2), (3, 1)), ((0, 3), (3,))]
SHAPES = [(), (7,), (4, 3), (2, 3, 2)]
SATURATED = given([-1000, -90, -30, 30, 90, 1000])


def operation_rows():
    """(call, function, inputs) of every case."""
    def rows(call, f, *cases):
        return [(call, f, case) for case in cases]

    def elementwise(call, f, kind=any_, extra=()):
        return rows(call, f, *[[kind(*shape)] for shape in SHAPES], *[[draw] for draw in extra])

    def binary(name, f, kind=any_):
        return rows(f"{name}(a, b)", f, *[[any_(*a), kind(*b)] for a, b in BROADCASTING])

    table = []
    table += binary("add", lambda a, b: a + b)
    table += binary("sub", lambda a, b: a - b)
    table += binary("mul", lambda a, b: a * b)
    table += binary("div", lambda a, b: a / b, nonzero)
    ties = [given([[1, 2, 3], [3, 2, 1]]), given([2, 2, 2])]
    for name, f in [("minimum", torch.minimum), ("maximum", torch.maximum)]:
        table += binary(name, f)
        table += rows(f"{name}(a, b)", f, ties)
    table += elementwise("neg(x)", torch.neg)
    table += elementwise("exp(x)", torch.exp, extra=[given([-80, -20, 20, 80])])
    tiny = given([-1e-3, -1e-7, 1e-30, 1e-7, 1e-3])
    table += elementwise("expm1(x)", torch.expm1, extra=[given([-80, -20, 20, 80]), tiny])
    table += elementwise("log1p(x)", torch.log1p, positive, [given([-0.9, 1e15]), tiny])
    table += elementwise("log(x)", torch.log, positive, [given([1e-15, 1, 1e15])])
    table += elementwise("sqrt(x)", torch.sqrt, positive, [given([1e-10, 1, 1e10])])
    table += elementwise("square(x)", torch.square)
    for exponent, kind in [(0, any_), (1, any_), (2, any_), (3, any_), (-1, nonzero),
                           (0.5, positive), (-1.5, positive), (2.5, positive)]:
        table += elementwise(f"pow(x, exponent): {exponent}",
                             lambda x, p=exponent: torch.pow(x, p), kind)
    table += elementwise("sin(x)", torch.sin, extra=[given([-30, 10, 30])])
    table += elementwise("cos(x)", torch.cos, extra=[given([-30, 10, 30])])
    table += elementwise("abs(x)", torch.abs, extra=[given([-1, 0, 2])])  # the kink, too
    table += elementwise("tanh(x)", torch.tanh, extra=[SATURATED])
    table += elementwise("sigmoid(x)", torch.sigmoid, extra=[SATURATED])
    # PyTorch's own threshold, from which softplus(x) is x, is 20, where this is wrong by 2e-9.
    table += elementwise("softplus(x)", lambda x: F.softplus(x, threshold=50), extra=[SATURATED])
    table += elementwise("logsigmoid(x)", F.logsigmoid, extra=[SATURATED])
    bell = given([-1000, -4, -3, 3, 4, 1000])
    table += elementwise("normal_cdf(x)", torch.special.ndtr, extra=[bell])
    table += elementwise("gelu(x)", F.gelu, extra=[bell])
    table += elementwise("elu(x, alpha): 1", F.elu, extra=[SATURATED])
    table += elementwise("elu(x, alpha): 0.25", lambda x: F.elu(x, 0.25), extra=[SATURATED])
    table += elementwise("selu(x)", F.selu, extra=[SATURATED])
    table += elementwise("relu(x)", F.relu, extra=[given([-1, 0, 2])])
    table += elementwise("leaky_relu(x, slope): 0.25", lambda x: F.leaky_relu(x, 0.25),
                         extra=[given([-1, 0, 2])])
    table += elementwise("leaky_relu(x, slope): 0.01", lambda x: F.leaky_relu(x, 0.01))
    table += elementwise("silu(x)", F.silu, extra=[SATURATED])
    table += elementwise("clamp(x, low, high): -0.5, 1", lambda x: torch.clamp(x, -0.5, 1),
                         extra=[given([-2, -0.5, 0, 1, 3])])
    table += rows("where(mask, a, b)", lambda m, a, b: torch.where(m != 0, a, b),
                  [mask(2, 3), any_(2, 3), any_(2, 3)], [mask(3), any_(2, 3), any_(2, 1)],
                  [mask(2, 1), any_(3), any_()], [mask(2, 3, 2), any_(3, 1), any_(2)])

    def variance(x, *axis, **keep):  # of the numbers themselves: divided by n
        return torch.var(x, *axis, unbiased=False, **keep)

    def norm(x, axis, **keep):
        return torch.linalg.vector_norm(x, 2, axis, **keep)

    reductions = {  # amax shares the gradient among equals, as max here does
        "sum": torch.sum, "mean": torch.mean, "max": torch.amax, "logsumexp": torch.logsumexp,
        "norm": norm, "variance": variance}
    large = given([[1000, 999, -1000], [3, 3, 1]])  # overflow, and a tie
    for name, f in reductions.items():
        table += rows(f"{name}(x)", lambda x, f=f: f(x.reshape(-1), 0),
                      *[[any_(*shape)] for shape in SHAPES], [large])
        for axis in (0, 1, -1):
            for keep in ("no", "yes"):
                table += rows(f"{name}(x, axis, keep): {axis}, {keep}",
                              lambda x, f=f, a=axis, k=keep: f(x, a, keepdim=k == "yes"),
                              [any_(4, 3)], [any_(2, 3, 2)], [any_(3, 1)], [large])

    for name, f in [("softmax", torch.softmax), ("log_softmax", torch.log_softmax)]:
        for axis in (0, 1, -1):
            table += rows(f"{name}(x, axis): {axis}", lambda x, f=f, a=axis: f(x, a),
                          [any_(4, 3)], [any_(2, 3, 2)], [any_(3, 1)], [large])
    for axis in (0, -1):
        table += rows(f"cumsum(x, axis, from): {axis}, first",
                      lambda x, a=axis: torch.cumsum(x, a), [any_(7)], [any_(4, 3)],
                      [any_(2, 3, 2)], [any_(0, 3)])
        table += rows(f"cumsum(x, axis, from): {axis}, last",
                      lambda x, a=axis: torch.cumsum(x.flip(a), a).flip(a), [any_(7)],
                      [any_(4, 3)], [any_(2, 3, 2)])

    for ta in ("no", "yes"):
        for tb in ("no", "yes"):
            table += rows(f"matmul(A, B, trans_a, trans_b): {ta}, {tb}",
                          lambda A, B, ta=ta, tb=tb: (A.T if ta == "yes" else A)
                          @ (B.T if tb == "yes" else B),
                          *[[any_(*((k, m) if ta == "yes" else (m, k))),
                             any_(*((n, k) if tb == "yes" else (k, n)))]
                            for m, k, n in [(2, 3, 4), (1, 5, 1), (4, 1, 3), (17, 9, 13)]])
    def solved(L, B, upper, transposed, unit):
        if transposed:  # the transpose of a lower triangle is an upper one
            L, upper = L.transpose(0, 1), not upper
        return torch.linalg.solve_triangular(L, B, upper=upper, unitriangular=unit)

    for triangle in ("lower", "upper"):
        for trans in ("no", "yes"):
            for diagonal in ("given", "unit"):
                table += rows("solve_triangular(L, B, triangle, trans, diagonal): "
                              f"{triangle}, {trans}, {diagonal}",
                              lambda L, B, u=triangle == "upper", t=trans == "yes",
                              d=diagonal == "unit": solved(L, B, u, t, d),
                              *[[solvable(n), any_(n, m)] for n, m in [(1, 1), (3, 2), (7, 5)]])

    table += rows("linear(x, W, b)", F.linear, [any_(4, 3), any_(2, 3), any_(2)],
                  [any_(1, 1), any_(1, 1), any_(1)], [any_(17, 9), any_(13, 9), any_(13)])

    table += rows("reshape(x, shape): (3, 4)", lambda x: x.reshape(3, 4), [any_(2, 6)],
                  [any_(2, 3, 2)])
    table += rows("transpose(x, axis_a, axis_b): 0, 1", lambda x: x.transpose(0, 1), [any_(2, 3)],
                  [any_(2, 3, 2)])
    table += rows("transpose(x, axis_a, axis_b): 0, -1", lambda x: x.transpose(0, -1),
                  [any_(2, 3, 4)])
    table += rows("slice(x, axis, begin, end): 1, 1, 3", lambda x: x[:, 1:3], [any_(2, 4)],
                  [any_(2, 3, 2)])
    table += rows("split(x, axis, at): 1, 1", lambda x: torch.cat([x[:, 1:], x[:, :1]], 1),
                  [any_(2, 4)], [any_(2, 3, 2)])  # the second part, then the first
    table += rows("pad(x, axis, begin, size): -1, 2, 5", lambda x: F.pad(x, (2, 3 - x.shape[-1])),
                  [any_(2, 2)], [any_(2, 3, 1)])
    for axis in (0, 1):
        table += rows(f"concat(parts, axis): {axis}",
                      lambda *parts, a=axis: torch.cat(parts, a),
                      [any_(2, 2), any_(2, 2), any_(2, 2)], [any_(1, 3, 2), any_(1, 3, 2)])
    indices = torch.tensor([2, 0, 2])  # one twice, one never
    for axis in (0, 1):
        table += rows(f"gather(x, indices, axis): 2 0 2, {axis}",
                      lambda x, a=axis: x.index_select(a, indices), [any_(3, 4)], [any_(3, 3, 2)])
        table += rows(f"scatter_add(x, indices, size, axis): 2 0 2, 4, {axis}",
                      lambda x, a=axis: x.new_zeros(
                          [4 if i == a else n for i, n in enumerate(x.shape)]
                      ).index_add(a, indices, x), [any_(3, 3)], [any_(3, 3, 2)])
    # Two positions for each row; the same position twice, in some.
    by_row = {0: torch.tensor([[2, 0, 1, 2], [2, 1, 0, 0]]), 1: torch.tensor([[3, 0], [1, 1], [0, 2]])}
    for axis, index in by_row.items():
        table += rows(f"take_along(x, index, axis): {axis}",
                      lambda x, a=axis, i=index: x.gather(a, i), [any_(3, 4)])
        table += rows(f"add_along(x, index, size, axis): 5, {axis}",
                      lambda x, a=axis, i=index: x.new_zeros(
                          [5 if k == a else n for k, n in enumerate(x.shape)]
                      ).scatter_add(a, i, x), [any_(*index.shape)])
    table += rows("broadcast_to(x, shape): (2, 3, 4)", lambda x: x.expand(2, 3, 4),
                  *[[any_(*shape)] for shape in [(2, 3, 4), (1, 3, 1), (3, 1), (4,), ()]])
    table += rows("sum_to(x, shape): (3, 1)", lambda x: x.sum_to_size(3, 1), [any_(3, 1)],
                  [any_(3, 4)], [any_(2, 3, 4)])
    return table


def operations():
    golden, cases = {}, {}
    for call, f, inputs in operation_rows():
        cases[call] = cases.get(call, 0) + 1
        row = f"{call} #{cases[call]}"
        rng = random(row)
        xs = [rounded(draw(rng)) for draw in inputs]
        leaves = {f"x{k}": torch.tensor(x, requires_grad=True) for k, x in enumerate(xs)}
        y = f(*leaves.values())
        entries = {f"x{k}": x.astype(np.float32) for k, x in enumerate(xs)}
        entries["y0"] = numbers(y)
        entries.update(derivatives([y], leaves, rng))
        golden.update({f"{row}/{name}": entry for name, entry in entries.items()})
    return golden


# --- Layers ---------------------------------------------------------------------------------------

def jacobian_log_det(mapped, points):
    """log |det| of each point's Jacobian, by definition: no formula of the layer is used."""
    rows = [torch.autograd.grad(mapped[:, i].sum(), points, create_graph=True)[0]
            for i in range(points.shape[1])]
    return torch.linalg.slogdet(torch.stack(rows, 1))[1]


def with_jacobian(direction):
    """(points, log_det) of a bijection, log_det being the Jacobian's."""
    def f(layer, x):
        mapped, log_det = getattr(layer, direction)(x)
        by_definition = jacobian_log_det(mapped, x)
        assert torch.allclose(log_det, by_definition, rtol=0, atol=1e-12)
        return mapped, by_definition
    return f


LABELS = [4, 0, 4, 2, 1]


def layer_rows():
    """(name, module, function of module and inputs, shapes of the inputs)"""
    labels = torch.tensor(LABELS)
    rows = [
        ("Linear", torch.nn.Linear(3, 4), lambda m, x: m(x), [(5, 3)]),
        ("Embedding", torch.nn.Embedding(6, 3), lambda m: m(labels), []),
        ("standard_normal_log_prob", torch.nn.Module(), lambda m, z: models.log_prior(z), [(5, 3)]),
    ]
    for sizes in [(2, 3), (1, 8, 8, 8, 8, 1), (3, 16, 5, 2)]:
        rows.append((f"Mlp: {' '.join(map(str, sizes))}", models.Mlp(sizes), lambda m, x: m(x),
                     [(5, sizes[0])]))
    for direction in ("to_latent", "to_data"):
        for dim in (2, 3):
            for bound in (2.0, None):
                rows.append((f"AffineCoupling: {dim}, {bound or 'none'}, {direction}",
                             models.AffineCoupling(dim, (8, 8), bound), with_jacobian(direction),
                             [(5, dim)]))
            rows.append((f"SplineCoupling: {dim}, {direction}", models.SplineCoupling(dim),
                         with_jacobian(direction), [(5, dim)]))
        rows.append((f"Composition: {direction}",
                     models.NormalizingFlow(3, [[2, 1, 0], [1, 2, 0], [0, 2, 1]]),
                     with_jacobian(direction), [(5, 3)]))
    rows.append(("NormalizingFlow", models.NormalizingFlow(2, 3 * [[1, 0]]),
                 lambda m, x: (*m.log_prob_parts(x), m.log_prob(x)), [(5, 2)]))
    small = (8, 8)
    rows += [
        ("FlowMatching: velocity", models.FlowMatching(2, small), lambda m, y, t: m.velocity(y, t),
         [(5, 2), (5, 1)]),
        ("FlowMatching: velocity, by class", models.FlowMatching(2, small, 5, 3),
         lambda m, y, t: m.velocity(y, t, labels), [(5, 2), (5, 1)]),
        ("FlowMatching: loss", models.FlowMatching(2, small), lambda m, *p: m.loss(*p),
         [(5, 2), (5, 2), (5, 1)]),
        ("FlowMatching: loss, by class", models.FlowMatching(2, small, 5, 3),
         lambda m, *p: m.loss(*p, labels), [(5, 2), (5, 2), (5, 1)]),
    ]
    return rows


def layers():
    golden = {"labels": np.array(LABELS, dtype=np.float32)}
    for name, module, f, shapes in layer_rows():
        rng = random(name)
        with torch.no_grad():
            for p in module.parameters():  # large enough to bend, and to make s and t large
                p.copy_(torch.tensor(rounded(rng.normal(size=p.shape) / np.sqrt(p.shape[-1]))))
        inputs = {f"x{k}": torch.tensor(rounded(rng.normal(size=shape)), requires_grad=True)
                  for k, shape in enumerate(shapes)}
        ys = f(module, *inputs.values())
        ys = ys if isinstance(ys, tuple) else (ys,)
        leaves = {**inputs, **dict(module.named_parameters())}
        entries = {f"y{k}": numbers(y) for k, y in enumerate(ys)}
        entries.update(derivatives(ys, leaves, rng))
        for leaf, value in leaves.items():
            key = leaf if leaf in inputs else f"parameters/{leaf}"
            entries[key] = numbers(value).astype(np.float32)
        golden.update({f"{name}/{key}": entry for key, entry in entries.items()})
    return golden


# --- Optimisers -----------------------------------------------------------------------------------

OPTIMIZERS = {
    "Adam": lambda p: torch.optim.Adam(p),
    "Adam: 0.5, 0.9, 1e-3": lambda p: torch.optim.Adam(p, betas=(0.5, 0.9), eps=1e-3),
    "AdamW: 0.1": lambda p: torch.optim.AdamW(p, weight_decay=0.1),
    "Sgd": lambda p: torch.optim.SGD(p, lr=1),
    "Sgd: 0.9": lambda p: torch.optim.SGD(p, lr=1, momentum=0.9),
}


def optimizers():
    """100 steps on given gradients of sizes 1e-3 to 1e3, some of them 0, at changing rates."""
    rng = random("optimizers")
    sizes = np.array([1e-3, 1, 1e3, 1, 0.1, 1, 1])
    gradients = rounded(rng.normal(size=(100, 7)) * sizes)
    gradients[::4, 1] = 0
    start = rounded(rng.normal(size=7))
    rates = np.array([0.1 / (1 + step % 3) for step in range(100)])
    golden = {"gradients": gradients.astype(np.float32), "start": start.astype(np.float32),
              "rates": rates}
    for name, make in OPTIMIZERS.items():
        # Two parameters, of shapes (2, 3) and (1).
        a = torch.nn.Parameter(torch.tensor(start[:6].reshape(2, 3)))
        b = torch.nn.Parameter(torch.tensor(start[6:]))
        optimizer, path = make([a, b]), []
        for g, rate in zip(gradients, rates):
            optimizer.param_groups[0]["lr"] = rate
            a.grad, b.grad = torch.tensor(g[:6].reshape(2, 3)), torch.tensor(g[6:])
            optimizer.step()
            path.append(np.concatenate([numbers(a).ravel(), numbers(b)]))
        golden[f"{name}/path"] = np.array(path)

    # clip_grad_norm_ divides by norm + 1e-6 where the published formula divides by the norm.
    for name, scale in {"short": 0.01, "long": 10.0}.items():
        g = rounded(random(name).normal(size=50) * scale)
        p = torch.nn.Parameter(torch.zeros(50))
        p.grad = torch.tensor(g)
        norm = torch.nn.utils.clip_grad_norm_([p], 1.0)
        golden.update({f"clip {name}/gradient": g.astype(np.float32),
                       f"clip {name}/norm": numbers(norm), f"clip {name}/clipped": numbers(p.grad)})
    return golden


# --- Training -------------------------------------------------------------------------------------

# At five times this rate some of the runs in float32 part from the others for good, after a hundred
# steps: there rounding decides what is learned, and nothing could be compared.
EPOCHS, STEPS_PER_EPOCH, BATCH, RATE = 10, 20, 16, 1e-3
STEPS = EPOCHS * STEPS_PER_EPOCH
MEAN, STD = np.array([2, -0.42]), np.array([1.59, 0.845])  # of the rings, roughly
CENTERS = np.array([[2, 0], [0, 0], [3, -1], [4, 0], [1, -1]])  # by class


def initialize(model, name, zero_start):
    """PyTorch's default distributions, drawn by numpy."""
    rng = random(name)
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, torch.nn.Linear):
                bound = 1 / np.sqrt(module.in_features)
                for p in (module.weight, module.bias):
                    p.copy_(torch.tensor(rounded(rng.uniform(-bound, bound, p.shape))))
            if isinstance(module, torch.nn.Embedding):
                module.weight.copy_(torch.tensor(rounded(rng.normal(size=module.weight.shape))))
        for module in model.modules():
            if zero_start and isinstance(module, models.AffineCoupling):
                for network in (module.scale, module.shift):
                    network[-1].weight.zero_()
                    network[-1].bias.zero_()


def training_batches(name):
    """Points on the rings with their classes, noise and times: (steps, batch, ..)."""
    rng = random(name + " batches")
    labels = rng.randint(0, 5, (STEPS, BATCH))
    radius = rng.uniform(0.875, 1.125, (STEPS, BATCH))
    angle = rng.uniform(0, 2 * np.pi, (STEPS, BATCH))
    ring = np.stack([radius * np.cos(angle), radius * np.sin(angle)], -1)
    return {"points": rounded((CENTERS[labels] + ring - MEAN) / STD), "labels": labels,
            "noise": rounded(rng.normal(size=(STEPS, BATCH, 2))),
            "t": rounded(rng.uniform(0, 1, (STEPS, BATCH, 1)))}


def run(model, arguments, dtype, orders):
    """The training loop. arguments: one array (steps, batch, ..) for each argument of model.loss;
    orders: in which order to take the points of each batch. Returns (losses, model)."""
    model = copy.deepcopy(model).to(dtype)
    adam = torch.optim.Adam(model.parameters(), lr=RATE)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(adam, EPOCHS)
    tensors = [torch.tensor(a, dtype=dtype if a.dtype.kind == "f" else torch.int64)
               for a in arguments]
    losses = []
    for step in range(STEPS):
        adam.zero_grad()
        loss = model.loss(*[a[step][orders] for a in tensors])
        loss.backward()
        gradients = [p.grad for p in model.parameters()]
        norm = torch.sqrt(sum(g.square().sum() for g in gradients))
        if norm > 1:
            for g in gradients:
                g.mul_(1 / norm)
        adam.step()
        losses.append(loss.item())
        if (step + 1) % STEPS_PER_EPOCH == 0:
            schedule.step()
    return np.array(losses), model


def largest_difference(a, b):
    return max(float((p.double() - q.double()).abs().max())
               for p, q in zip(a.parameters(), b.parameters()))


RUNS_IN_FLOAT32 = 8


def float32_runs(model, arguments, golden_losses, golden_model):
    """How far rounding to float32 takes this very training: the yardstick for programs in float32.
    Each run takes the points of every batch in another order: the same mathematics, other
    roundings. Returns the largest error of the loss at each step or before, of any run, and that of
    a final weight."""
    errors, weights = [], []
    for k in range(RUNS_IN_FLOAT32):
        orders = np.random.RandomState(k).permutation(BATCH)
        losses, final = run(model, arguments, torch.float32, orders)
        errors.append(np.abs(losses - golden_losses))
        weights.append(largest_difference(final, golden_model))
    return np.maximum.accumulate(np.max(errors, 0)), np.array(max(weights))


def train(name, model, argument_names, zero_start=False, yardstick=True):
    """Returns (entries of training.safetensors, the trained model)."""
    initialize(model, name, zero_start)
    batches = training_batches(name)
    arguments = [batches[a] for a in argument_names]
    losses, final = run(model, arguments, torch.float64, np.arange(BATCH))
    golden = {f"{name}/initial/{p}": numbers(value).astype(np.float32)
              for p, value in model.named_parameters()}
    golden.update({f"{name}/{a}": batches[a].astype(np.float32) for a in argument_names})
    golden[f"{name}/loss"] = losses
    if yardstick:
        errors, weights = float32_runs(model, arguments, losses, final)
        golden[f"{name}/float32 loss error"] = errors
        golden[f"{name}/float32 weight error"] = weights
    return golden, final


def state(model):
    return {name: numbers(value).astype(np.float64)
            for name, value in model.state_dict().items()}


def training(yardstick):
    """The training file, and the weights of the three trained models."""
    golden, weights = {}, {}
    points = rounded(np.vstack([[[-0.68536588, 1.04613213], [-0.83722729, 1.48307046],
                                 [0.71348099, -0.03766172], [-1.44, -1.44], [1.8, 1.8]],
                                random("points").normal(size=(11, 2))]))
    times = rounded(random("times").uniform(size=(16, 1)))
    labels = np.arange(16) % 5
    y, t, classes = torch.tensor(points), torch.tensor(times), torch.tensor(labels)
    golden.update({"points": points.astype(np.float32), "t": times.astype(np.float32),
                   "labels": labels.astype(np.float32)})

    name = "normalizing_flow"
    entries, model = train(name, models.NormalizingFlow(), ["points"], True, yardstick)
    golden.update(entries)
    weights[name] = state(model)
    with torch.no_grad():
        prior, log_det = model.log_prob_parts(y)
        golden.update({f"{name}/log_prior": numbers(prior), f"{name}/log_det": numbers(log_det),
                       f"{name}/z": numbers(model.to_latent(y)[0]),
                       f"{name}/samples": numbers(model.to_data(y)[0])})

    for name, arguments, options, given_labels in [
            ("flow_matching", ["points", "noise", "t"], {}, None),
            ("conditional_flow_matching", ["points", "noise", "t", "labels"], {"classes": 5},
             classes)]:
        entries, model = train(name, models.FlowMatching(2, **options), arguments,
                               yardstick=yardstick)
        golden.update(entries)
        weights[name] = state(model)
        with torch.no_grad():
            golden.update({
                f"{name}/velocity": numbers(model.velocity(y, t, given_labels)),
                f"{name}/samples": numbers(model.carry(y, 0, 1, 20, given_labels)[-1]),
                f"{name}/z": numbers(model.carry(y, 1, 0, 20, given_labels)[-1])})
    return {"training": golden, **weights}


# --- The command ----------------------------------------------------------------------------------

def compare(made, kept, name):
    """Prints one line about a file; returns True if all is the same, up to the last digits. The
    yardsticks of float32 are left out: how rounding errors add up differs between machines."""
    kept = {entry: value for entry, value in kept.items() if "/float32 " not in entry}
    if set(made) != set(kept):
        print(f"{name}: not the same entries: {sorted(set(made) ^ set(kept))[:3]}")
        return False
    worst, where, same = 0.0, "", True
    for entry, value in made.items():
        value, old = np.asarray(value), kept[entry]
        if value.shape != old.shape or value.dtype != old.dtype:
            print(f"{name}: {entry} is {value.dtype} {value.shape}, was {old.dtype} {old.shape}")
            return False
        same = same and value.tobytes() == old.tobytes()
        scale = max(1.0, float(np.abs(old).max(initial=0)))
        difference = float(np.abs(value.astype(float) - old).max(initial=0)) / scale
        if not difference <= worst:
            worst, where = difference, entry
    # Results may differ in their last digits on another processor; 200 steps amplify this.
    good = worst <= 1e-11
    print(f"{name}: {len(made)} entries, " + ("the same bits" if same else
          f"largest difference {worst:.1e} in {where}") + ("" if good else ": NOT the same"))
    return good


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="compare, write nothing")
    check = parser.parse_args().check
    files = {"operations": operations(), "layers": layers(), "optimizers": optimizers(),
             **training(yardstick=not check)}
    good = True
    for name, golden in files.items():
        path = HERE / f"{name}.safetensors"
        if check:
            good = compare(golden, tensor_file.read(path)[0], path.name) and good
        else:
            tensor_file.write(path, golden)
            print(f"{path.name}: {len(golden)} entries, {path.stat().st_size} bytes")
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
