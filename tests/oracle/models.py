"""The layers and models of this project, written in PyTorch as its users would write them.

Names of parameters are those of PyTorch's own state_dict(): this is what makes weights
exchangeable. Nothing here is taken over from the C++ side but the formulas.
"""

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
