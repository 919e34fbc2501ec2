#!/usr/bin/env python3
"""A flow of spline couplings in PyTorch, as one writes it for one's own table; the best of its epochs on a
tenth of the rows.

spline_flow.py TRAIN.csv TEST.csv [CLASS]    CLASS: a column that is given
Prints the mean log p of the test rows in nats, and its standard error."""
import copy, sys
import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

LAYERS, UNITS, BINS, BOX, EPOCHS, BATCH, RATE = 6, 64, 8, 5.0, 120, 256, 1e-3
torch.manual_seed(0)
torch.set_num_threads(1)

names = open(sys.argv[1]).readline().strip().split(",")
given = [names.index(name) for name in sys.argv[3:]]
train, test = (torch.tensor(np.loadtxt(path, delimiter=",", skiprows=1)) for path in sys.argv[1:3])
own = [i for i in range(len(names)) if i not in given]
classes = torch.unique(train[:, given])
mean, deviation = train[:, own].mean(0), train[:, own].std(0)

def prepared(rows):  # standardised; the class as numbers of which one is 1
    context = (rows[:, given] == classes).float() if given else rows.new_zeros(len(rows), 0).float()
    return ((rows[:, own] - mean) / deviation).float(), context

def spline(x, p):  # rational-quadratic (Durkan et al. 2019): x (n, d), p (n, d, 3 BINS - 1)
    w, h, d = p.split([BINS, BINS, BINS - 1], -1)
    edges = [F.pad(((1 - 1e-3 * BINS) * F.softmax(a, -1) + 1e-3).cumsum(-1), (1, 0)) * 2 * BOX - BOX for a in (w, h)]
    d = F.pad(1e-3 + F.softplus(d), (1, 1), value=1.0)
    inside = x.abs() < BOX
    u = x.clamp(-BOX, BOX)
    k = (u[..., None] >= edges[0][..., 1:-1]).sum(-1, keepdim=True)
    at = lambda a, shift: a.gather(-1, k + shift).squeeze(-1)
    (x0, x1), (y0, y1), (d0, d1) = ((at(a, 0), at(a, 1)) for a in (*edges, d))
    s, t = (y1 - y0) / (x1 - x0), (u - x0) / (x1 - x0)
    q = s + (d0 + d1 - 2 * s) * t * (1 - t)
    y = y0 + (y1 - y0) * (s * t**2 + d0 * t * (1 - t)) / q
    log_slope = 2 * s.log() + (d1 * t**2 + 2 * s * t * (1 - t) + d0 * (1 - t) ** 2).log() - 2 * q.log()
    return torch.where(inside, y, x), torch.where(inside, log_slope, torch.zeros_like(x)).sum(-1)

class Flow(nn.Module):
    def __init__(self, D, C):
        super().__init__()
        self.a = D // 2  # so many are looked at, the others moved; then all change places
        self.orders = [torch.randperm(D) if D > 2 else torch.tensor([1, 0]) for _ in range(LAYERS)]
        self.nets = nn.ModuleList(
            nn.Sequential(nn.Linear(self.a + C, UNITS), nn.ReLU(), nn.Linear(UNITS, UNITS), nn.ReLU(),
                          nn.Linear(UNITS, (D - self.a) * (3 * BINS - 1))) for _ in range(LAYERS))

    def log_prob(self, x, context):
        total = 0
        for net, order in zip(self.nets, self.orders):
            fixed, moved = x[:, :self.a], x[:, self.a:]
            p = net(torch.cat([fixed, context], 1)).reshape(*moved.shape, -1)
            moved, log_slope = spline(moved, p)
            x, total = torch.cat([fixed, moved], 1)[:, order], total + log_slope
        return total - (x**2 / 2 + np.log(2 * np.pi) / 2).sum(1)

train = train[torch.randperm(len(train))]
validation, train = prepared(train[: len(train) // 10]), prepared(train[len(train) // 10 :])
flow = Flow(len(own), len(classes))
optimizer = torch.optim.Adam(flow.parameters(), RATE)
schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, EPOCHS)
best, kept = -np.inf, None
for epoch in range(EPOCHS):
    for batch in torch.randperm(len(train[0])).split(BATCH):
        optimizer.zero_grad()
        loss = -flow.log_prob(train[0][batch], train[1][batch]).mean()
        loss.backward()
        nn.utils.clip_grad_norm_(flow.parameters(), 5.0)
        optimizer.step()
    schedule.step()
    with torch.no_grad():
        reached = flow.log_prob(*validation).mean().item()
    if reached > best:
        best, kept = reached, copy.deepcopy(flow.state_dict())
flow.load_state_dict(kept)
with torch.no_grad():
    log_p = flow.log_prob(*prepared(test)).double() - deviation.log().sum()
print(log_p.mean().item(), log_p.std().item() / len(log_p) ** 0.5)
