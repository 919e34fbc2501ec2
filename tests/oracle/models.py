"""The layers and models of this project, written in PyTorch as its users would write them.

Names of parameters are those of PyTorch's own state_dict(): this is what makes weights
exchangeable. Nothing here is taken over from the C++ side but the formulas.
"""

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F


class Mlp(nn.ModuleList):
    """Linear layers with a leaky ReLU between them."""

    def __init__(self, sizes):
        super().__init__([nn.Linear(i, o) for i, o in zip(sizes, sizes[1:])])

    def forward(self, x):
        for k, layer in enumerate(self):
            x = layer(x if k == 0 else F.leaky_relu(x, 0.01))
        return x


class AffineCoupling(nn.Module):
    def __init__(self, dim, hidden=(8, 8, 8, 8), bound=2.0):
        super().__init__()
        self.kept, self.bound = dim // 2, bound
        self.scale = Mlp([self.kept, *hidden, dim - self.kept])
        self.shift = Mlp([self.kept, *hidden, dim - self.kept])

    def scale_and_shift(self, kept):
        raw = self.scale(kept)
        s = raw if self.bound is None else self.bound * torch.tanh(raw / self.bound)
        return s, self.shift(kept)

    def to_latent(self, x):
        s, t = self.scale_and_shift(x[:, :self.kept])
        moved = (x[:, self.kept:] - t) / torch.exp(s)
        return torch.cat([x[:, :self.kept], moved], 1), -s.sum(1)

    def to_data(self, z):
        s, t = self.scale_and_shift(z[:, :self.kept])
        moved = z[:, self.kept:] * torch.exp(s) + t
        return torch.cat([z[:, :self.kept], moved], 1), s.sum(1)


class SplineCoupling(nn.Module):
    """A rational-quadratic spline of K bins in a box, as the paper writes it (Durkan et al. 2019,
    section 3.1). One network says all numbers: of each coordinate K widths, K heights, K - 1 slopes."""

    LEAST = 1e-3  # of widths and heights as shares of the box, and of slopes

    def __init__(self, dim, hidden=(8, 8), bins=4, box=3.0):
        super().__init__()
        self.kept, self.bins, self.box = dim // 2, bins, box
        self.network = Mlp([self.kept, *hidden, (dim - self.kept) * (3 * bins - 1)])

    def knots(self, raw):
        sizes = self.LEAST + (1 - self.bins * self.LEAST) * F.softmax(raw, -1)
        knots = F.pad(torch.cumsum(2 * self.box * sizes, -1), (1, 0)) - self.box
        return torch.cat([knots[..., :-1], torch.full_like(knots[..., -1:], self.box)], -1)

    def pieces(self, kept, moved, along):
        """u, s, p, E and M of the paper, and the corner and sides of each number's piece."""
        raw = self.network(kept).reshape(*moved.shape, 3 * self.bins - 1)
        widths, heights, slopes = raw.split([self.bins, self.bins, self.bins - 1], -1)
        X, Y = self.knots(widths), self.knots(heights)
        one = np.log(np.expm1(1 - self.LEAST))
        d = F.pad(self.LEAST + F.softplus(slopes + one), (1, 1), value=1.0)
        inner = (X if along == "widths" else Y)[..., 1:-1].detach()
        k = (moved.detach()[..., None] >= inner).sum(-1, keepdim=True)
        at = lambda knots, i: torch.gather(knots, -1, i)[..., 0]
        return (at(X, k), at(X, k + 1) - at(X, k), at(Y, k), at(Y, k + 1) - at(Y, k), at(d, k),
                at(d, k + 1))

    @staticmethod
    def log_slope(u, w, h, d0, d1):
        s, p = h / w, u * (1 - u)
        return (2 * torch.log(s) + torch.log(d1 * u ** 2 + 2 * s * p + d0 * (1 - u) ** 2)
                - 2 * torch.log(s + (d0 + d1 - 2 * s) * p))

    def to_latent(self, x):
        kept, moved = x[:, :self.kept], x[:, self.kept:]
        inside = moved.abs() <= self.box
        v = moved.clamp(-self.box, self.box)
        X, w, Y, h, d0, d1 = self.pieces(kept, v, "widths")
        u, s = (v - X) / w, h / w
        p = u * (1 - u)
        z = Y + h * (s * u ** 2 + d0 * p) / (s + (d0 + d1 - 2 * s) * p)
        log_slope = torch.where(inside, self.log_slope(u, w, h, d0, d1), torch.zeros_like(v))
        return torch.cat([kept, torch.where(inside, z, moved)], 1), log_slope.sum(1)

    def to_data(self, z):
        kept, moved = z[:, :self.kept], z[:, self.kept:]
        inside = moved.abs() <= self.box
        v = moved.clamp(-self.box, self.box)
        X, w, Y, h, d0, d1 = self.pieces(kept, v, "heights")
        s = h / w
        q = d0 + d1 - 2 * s
        a, b, c = h * (s - d0) + (v - Y) * q, h * d0 - (v - Y) * q, -s * (v - Y)
        u = 2 * c / (-b - torch.sqrt(b ** 2 - 4 * a * c))
        log_slope = torch.where(inside, self.log_slope(u, w, h, d0, d1), torch.zeros_like(v))
        return torch.cat([kept, torch.where(inside, X + u * w, moved)], 1), -log_slope.sum(1)


class Permutation(nn.Module):
    """to_data: x[i] = z[order[i]]"""

    def __init__(self, order):
        super().__init__()
        self.register_buffer("order", torch.tensor(order))

    def to_latent(self, x):
        return x[:, torch.argsort(self.order)], x.new_zeros(len(x))

    def to_data(self, z):
        return z[:, self.order], z.new_zeros(len(z))


class Composition(nn.ModuleList):
    """Bijections from the latent side to the data side."""

    def to_latent(self, x):
        log_det = 0
        for layer in reversed(self):
            x, term = layer.to_latent(x)
            log_det = log_det + term
        return x, log_det

    def to_data(self, z):
        log_det = 0
        for layer in self:
            z, term = layer.to_data(z)
            log_det = log_det + term
        return z, log_det


def log_prior(z):
    """log N(z; 0, I), by PyTorch's own distribution."""
    return torch.distributions.Normal(0.0, 1.0).log_prob(z).sum(1)


class NormalizingFlow(Composition):
    def __init__(self, dim=2, orders=15 * [[1, 0]], bound=2.0):
        """A coupling and then a permutation for each of `orders`."""
        super().__init__([layer for order in orders
                          for layer in (AffineCoupling(dim, bound=bound), Permutation(order))])

    def log_prob_parts(self, x):
        z, log_det = self.to_latent(x)
        return log_prior(z), log_det

    def log_prob(self, x):
        prior, log_det = self.log_prob_parts(x)
        return prior + log_det

    def loss(self, points):
        return -self.log_prob(points).mean()


class FlowMatching(nn.Module):
    def __init__(self, dim=2, hidden=(64, 64, 64, 64), classes=0, class_dim=10):
        super().__init__()
        if classes:
            self.classes = nn.Embedding(classes, class_dim)
        self.network = Mlp([dim + 1 + (class_dim if classes else 0), *hidden, dim])

    def velocity(self, y, t, labels=None):
        parts = [y, t] if labels is None else [y, t, self.classes(labels)]
        return self.network(torch.cat(parts, 1))

    def loss(self, y_1, y_0, t, labels=None):
        y_t = (1 - t) * y_0 + t * y_1
        return F.mse_loss(self.velocity(y_t, t, labels), y_1 - y_0)

    def carry(self, y, begin, end, steps, labels=None):
        """Every state of Euler's method, the clock at the beginning of each step."""
        dt = (end - begin) / steps
        states = [y]
        for k in range(steps):
            t = torch.full_like(y[:, :1], begin + k * dt)
            states.append(states[-1] + dt * self.velocity(states[-1], t, labels))
        return states
