#!/usr/bin/env python3
"""A step of flow matching with independent and with optimal pairs, here and in PyTorch.

    tests/oracle/pairing_speed.py build/release/tests/pairing_speed [SECONDS]

The task is that of torchcfm's tutorial: eight Gaussians to two moons, 3 x 64 units (SELU), Adam at
1e-3, batches of 256 in float. One thread each, by turns, in microseconds of processor time, the
least of several windows; but in `optimal_ahead` the next batch is paired on a second thread, and
the time is that which passes: on a busy machine it says little. Without PyTorch only ours are
printed, and it is said.
"""

import os
import sys
import time

from speed import here, least

BATCH = 256


def in_torch(budget):
    """A step of I-CFM, as the tutorial writes it; no clipping, which ours has."""
    os.environ["OMP_NUM_THREADS"] = "1"
    import torch
    from torch import nn

    torch.set_num_threads(1)
    layers = [layer for a, b in ((3, 64), (64, 64), (64, 64)) for layer in (nn.Linear(a, b), nn.SELU())]
    model = nn.Sequential(*layers, nn.Linear(64, 2))
    adam = torch.optim.Adam(model.parameters(), 1e-3)
    angle = torch.arange(25600) % 8 * (torch.pi / 4)
    start = 5 * torch.stack([angle.cos(), angle.sin()], 1) + 0.5623 * torch.randn(25600, 2)
    half = torch.rand(12800) * torch.pi
    lower = (torch.arange(12800) % 2 == 1).float()
    moons = torch.stack([half.cos() * (1 - 2 * lower) + lower,
                         half.sin() * (1 - 2 * lower) + lower / 2], 1)
    end = 3 * (moons + 0.2 * torch.rand(12800, 1)) - 1

    def step():
        x_0 = start[torch.randint(len(start), (BATCH,))]
        x_1 = end[torch.randint(len(end), (BATCH,))]
        t = torch.rand(BATCH, 1)
        velocity = x_1 - x_0
        adam.zero_grad()
        loss = (model(torch.cat([x_0 + t * velocity, t], 1)) - velocity).square().mean()
        loss.backward()
        adam.step()

    return least(budget, step, time.process_time)


def main():
    program = sys.argv[1]
    budget = float(sys.argv[2]) if len(sys.argv) > 2 else 2.0
    ours = here(program, budget)
    try:
        torch_time = in_torch(budget)
    except ImportError:
        torch_time = None
        print("there is no PyTorch here: only ours is measured")
    again = here(program, budget)
    ours = {name: min(value, again[name]) for name, value in ours.items()}
    for name, value in ours.items():
        print(f"{name:14} {value:8.0f} microseconds a step")
    if torch_time is not None:
        print(f"{'PyTorch':14} {torch_time:8.0f} with independent pairs: "
              f"{torch_time / ours['independent']:.1f} times ours")
    larger = max(ours["independent"], ours["pairing"])
    print(f"optimal pairs a batch ahead take {ours['optimal_ahead'] / larger:.2f} of the larger of "
          "training and pairing; without that thread "
          f"{ours['optimal'] / larger:.2f}")


if __name__ == "__main__":
    main()
