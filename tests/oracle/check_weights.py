#!/usr/bin/env python3
"""Loads the weights that the experiments saved into PyTorch, and compares what both make of them.

  check_weights.py DIR      DIR holds the results of the experiments, e.g. results

Each file must be what the description of the format says, and hold the parameters that PyTorch's
state_dict() names, no others. Then the model, rebuilt in PyTorch, must give the numbers that the
experiment wrote: log_prob of the report's five points, samples on their way through the layers or
along the field (a thousand velocities each), and the points carried back to the noise.

PyTorch computes in float64, the experiments in float32. How much that may differ is measured, too:
by PyTorch in float32, with the same weights. The experiment may be off by ALLOWED times that.
"""

import csv
import itertools
import json
import pathlib
import sys

import numpy as np
import torch

import models
import tensor_file

torch.set_num_threads(1)
# Times PyTorch's own difference between float32 and float64. Its tanh and exp are right to one
# rounding; those of the vector library that the experiments use, to four.
ALLOWED = 4
CONSTANTS = {"normalization.mean", "normalization.deviation"}  # of the data, not of the model


class Check:
    """Compares results, prints a line for each, and remembers whether all was right."""

    def __init__(self):
        self.passed = True

    @staticmethod
    def distance(x, exact):
        return float(np.max(np.abs(x - exact) / np.maximum(1, np.abs(exact))))

    def compare(self, what, ours, f, inputs, neighbours=1):
        """ours against f(dtype, inputs), PyTorch's result in that precision. The rounding errors of
        a few points say little: then the yardstick is taken from many neighbours of each."""
        def results(at):
            return [f(d, torch.tensor(at, dtype=d)).numpy() for d in (torch.float64, torch.float32)]

        exact, rounded = results(inputs)
        ours = np.asarray(ours, dtype=np.float64).reshape(exact.shape)
        off = self.distance(ours, exact)
        if neighbours > 1:
            many = np.repeat(inputs, neighbours, 0)
            many = many * (1 + 1e-6 * np.random.RandomState(1).normal(size=many.shape))
            yardstick = self.distance(*results(many.astype(np.float32).astype(np.float64))[::-1])
        else:
            yardstick = self.distance(rounded, exact)
        allowed = ALLOWED * yardstick
        good = off <= allowed  # False for a NaN
        self.passed = self.passed and good
        print(f"  {what}: {ours.size} numbers, off by {off:.1e} at most, {allowed:.1e} allowed"
              + ("" if good else ": NOT the same"))


def load(directory, name, make):
    """The model of a file in two precisions: a function of the dtype."""
    path = directory / f"{name}.safetensors"
    tensors, metadata = tensor_file.read(path)
    reference = "the format's description"
    try:
        from safetensors.numpy import load_file  # the reference implementation, if it is there
        theirs = load_file(path)
        assert set(theirs) == set(tensors)
        assert all(theirs[key].tobytes() == tensors[key].tobytes() for key in tensors)
        reference += " and by the safetensors package"
    except ImportError:
        pass
    model = make(metadata)
    given = {key: torch.tensor(value) for key, value in tensors.items() if key not in CONSTANTS}
    model.load_state_dict(given, strict=True)  # every name and shape, and no others
    count = sum(p.numel() for p in model.parameters())
    print(f"{path}: {len(tensors)} tensors, right by {reference}; {count} parameters loaded")
    in_float64 = make(metadata)
    in_float64.load_state_dict(given)
    in_float64.double()
    return lambda dtype: in_float64 if dtype == torch.float64 else model


def columns(directory, figure, panel):
    """The points of a figure's panel, as float64 (n, 2)."""
    with open(directory / f"{figure}.csv", newline="") as file:
        return np.array([[float(row["x"]), float(row["y"])] for row in csv.DictReader(file)
                         if row["panel"] == str(panel)])


def points(section, key):
    return np.array([point[key] for point in section["points"]])


def make_flow(metadata):
    bound = metadata["scale_bound"]
    return models.NormalizingFlow(2, bound=None if bound == "none" else float(bound))


def check_normalizing_flow(check, directory, section):
    flow = load(directory, "normalizing_flow", make_flow)
    y = points(section, "y")
    check.compare("log p of the five points", points(section, "log_prob"),
                  lambda d, x: flow(d).log_prob(x), y, neighbours=200)
    check.compare("log p(z) of the five points", points(section, "log_prior"),
                  lambda d, x: flow(d).log_prob_parts(x)[0], y, neighbours=200)
    check.compare("z of the five points", points(section, "z"),
                  lambda d, x: flow(d).to_latent(x)[0], y, neighbours=200)
    noise = columns(directory, "fig03_nf_layers", 1)
    for panel in range(2, 7):
        layers = 6 * (panel - 1)

        def carried(dtype, z):
            for layer in itertools.islice(flow(dtype), layers):
                z = layer.to_data(z)[0]
            return z

        check.compare(f"1000 samples after {layers} of 30 layers",
                      columns(directory, "fig03_nf_layers", panel), carried, noise)


def check_states(check, model, directory, figure, labels):
    """The samples of a figure of six times against Euler's method from the same noise."""
    noise = columns(directory, figure, 1)
    states = {d: model(d).carry(torch.tensor(noise, dtype=d), 0, 1, 1000, labels)
              for d in (torch.float64, torch.float32)}
    for panel in range(2, 7):
        steps = 200 * (panel - 1)
        check.compare(f"{len(noise)} samples at t = {steps / 1000}",
                      columns(directory, figure, panel), lambda d, _: states[d][steps], noise)


def check_flow_matching(check, directory, section):
    model = load(directory, "flow_matching", lambda _: models.FlowMatching(2))
    y = points(section, "y")
    check.compare("z of the five points", points(section, "z"),
                  lambda d, x: model(d).carry(x, 1, 0, 1000)[-1], y, neighbours=200)
    check_states(check, model, directory, "fig07_fm_samples_over_time", None)


def check_conditional_flow_matching(check, directory, _):
    model = load(directory, "conditional_flow_matching",
                 lambda _: models.FlowMatching(2, classes=5))
    labels = torch.arange(5).repeat_interleave(600)
    check_states(check, model, directory, "fig13_cfm_samples_over_time", labels)


def main():
    if len(sys.argv) != 2:
        sys.exit("usage: check_weights.py DIRECTORY_OF_RESULTS")
    directory = pathlib.Path(sys.argv[1])
    report = json.loads((directory / "report.json").read_text())
    check = Check()
    with torch.no_grad():
        check_normalizing_flow(check, directory, report["normalizing_flow"])
        check_flow_matching(check, directory, report["flow_matching"])
        check_conditional_flow_matching(check, directory, None)
    sys.exit(0 if check.passed else 1)


if __name__ == "__main__":
    main()
