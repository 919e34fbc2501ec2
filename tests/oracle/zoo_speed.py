#!/usr/bin/env python3
"""A step of spline couplings and of masked autoregressive flows, here and in PyTorch, side by side.

    tests/oracle/zoo_speed.py build/release/tests/zoo_speed [SECONDS]

Both programs train the same models on batches of 128 in float, on one thread, by turns; what is
printed is the least time of a step and its ratio. PyTorch's models are those of models.py, composed
of its own operations as its users write them. OPENBLAS_CORETYPE, if it is set, holds for both.
"""

import os
import sys

os.environ["OMP_NUM_THREADS"] = "1"

import torch
from torch import nn
from torch.nn import functional as F

from models import AffineCoupling, Composition, Mlp, Permutation, SplineCoupling, log_prior
from speed import here, least

torch.set_num_threads(1)
HIDDEN = (64, 64)
BINS = (8, 16, 32)


class OneNetworkAffine(AffineCoupling):
    """Scale and shift by one network."""

    def __init__(self, dim):
        nn.Module.__init__(self)
        self.kept, self.bound = dim // 2, 2.0
        self.network = Mlp([self.kept, *HIDDEN, 2 * (dim - self.kept)])

    def scale_and_shift(self, kept):
        raw, shift = self.network(kept).chunk(2, 1)
        return self.bound * torch.tanh(raw / self.bound), shift


class Masked(nn.Module):
    """An affine masked autoregressive layer (Papamakarios et al. 2017) of MADE's masks."""

    def __init__(self, dim):
        super().__init__()
        self.dim = dim
        self.network = Mlp([dim, *HIDDEN, 2 * dim])
        inner = lambda n: torch.arange(n) % max(1, dim - 1) + min(1, dim - 1)
        degrees = [torch.arange(1, dim + 1), *[inner(n) for n in HIDDEN]]
        masks = [(b[:, None] >= a[None]).float() for a, b in zip(degrees, degrees[1:])]
        last = torch.arange(1, dim + 1).repeat_interleave(2)
        masks.append((last[:, None] > degrees[-1][None]).float())
        for k, mask in enumerate(masks):
            self.register_buffer(f"mask{k}", mask)

    def scale_and_shift(self, x):
        for k, layer in enumerate(self.network):
            x = F.linear(x if k == 0 else F.leaky_relu(x, 0.01),
                         layer.weight * getattr(self, f"mask{k}"), layer.bias)
        raw, shift = x[:, 0::2], x[:, 1::2]
        return 2 * torch.tanh(raw / 2), shift

    def to_latent(self, x):
        s, t = self.scale_and_shift(x)
        return (x - t) * torch.exp(-s), -s.sum(1)

    def to_data(self, z):
        x = torch.zeros_like(z)
        for _ in range(self.dim):
            s, t = self.scale_and_shift(x)
            x = z * torch.exp(s) + t
        return x, s.sum(1)


class Turned(nn.Module):
    def __init__(self, layer):
        super().__init__()
        self.layer = layer

    def to_latent(self, x):
        return self.layer.to_data(x)

    def to_data(self, z):
        return self.layer.to_latent(z)


def flow(count, make, dim):
    order = list(range(dim))[::-1]
    return Composition([part for _ in range(count) for part in (make(), Permutation(order))])


def log_prob(model, x):
    z, log_det = model.to_latent(x)
    return log_prior(z) + log_det


def training(budget, model, dim):
    x, adam = torch.randn(128, dim), torch.optim.Adam(model.parameters())

    def step():
        adam.zero_grad()
        (-log_prob(model, x).mean()).backward()
        nn.utils.clip_grad_norm_(model.parameters(), 5)
        adam.step()

    return least(budget, step)


def without_gradient(budget, run):
    with torch.no_grad():
        return least(budget, run)


def in_torch(budget):
    spline = lambda bins: flow(6, lambda: SplineCoupling(2, HIDDEN, bins), 2)
    masked, x = flow(5, lambda: Masked(8), 8), torch.randn(128, 8)
    inverse = flow(5, lambda: Turned(Masked(8)), 8)
    return {
        "affine_coupling": training(budget, flow(6, lambda: OneNetworkAffine(2), 2), 2),
        **{f"spline_coupling_{bins}": training(budget, spline(bins), 2) for bins in BINS},
        "maf": training(budget, flow(5, lambda: Masked(8), 8), 8),
        "iaf": training(budget, flow(5, lambda: Turned(Masked(2)), 2), 2),
        "maf_sampling": without_gradient(budget, lambda: masked.to_data(torch.randn(128, 8))),
        "maf_scoring": without_gradient(budget, lambda: log_prob(masked, x)),
        "iaf_sampling": without_gradient(budget, lambda: inverse.to_data(torch.randn(128, 8))),
        "iaf_scoring": without_gradient(budget, lambda: log_prob(inverse, x)),
    }


def main():
    program = sys.argv[1]
    budget = float(sys.argv[2]) if len(sys.argv) > 2 else 2.0
    ours, theirs = here(program, budget), in_torch(budget)
    again = here(program, budget)
    print(f"{'a step of':20} {'here':>9} {'PyTorch':>9}   ratio   (microseconds)")
    for name, torch_time in theirs.items():
        mine = min(ours[name], again[name])
        print(f"{name:20} {mine:9.0f} {torch_time:9.0f} {torch_time / mine:7.1f}")
    for bins in BINS:
        ratio = (min(ours[f"spline_coupling_{bins}"], again[f"spline_coupling_{bins}"])
                 / min(ours["affine_coupling"], again["affine_coupling"]))
        print(f"a step with splines of {bins} bins takes {ratio:.2f} of one with affine maps")


if __name__ == "__main__":
    main()
