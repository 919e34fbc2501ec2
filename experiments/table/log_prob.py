#!/usr/bin/env python3
"""log p of the rows of a CSV file under a "maf" that `gradflow fit` has saved, with numpy alone.

log_prob.py MODEL.safetensors TABLE.csv    (names in the first line; no conditions)"""
import json, struct, sys
import numpy as np

with open(sys.argv[1], "rb") as file:  # the length of a header, the header, the numbers
    header = json.loads(file.read(struct.unpack("<Q", file.read(8))[0]))
    data = file.read()
about = header.pop("__metadata__")
T = {name: np.frombuffer(data[slice(*entry["data_offsets"])], "<f4").reshape(entry["shape"]).astype(float)
     for name, entry in header.items()}
assert about["model"] == "maf", about["model"]
x = np.genfromtxt(sys.argv[2], delimiter=",", names=True)
x = np.column_stack([x[name] for name in json.loads(about["columns"])])

N, D = x.shape
z = (x - T["flow.1.mean"]) / T["flow.1.deviation"]
log_p = -np.log(T["flow.1.deviation"]).sum() - D / 2 * np.log(2 * np.pi)
for layer in reversed(range(0, 2 * int(about["layers"]), 2)):  # each with a permutation behind it
    z[:, T[f"flow.0.{layer + 1}.order"].astype(int)] = z.copy()
    h, degree = z, np.arange(1, D + 1)  # a unit sees those of its own degree and below
    for k in range(depth := int(about["depth"]) + 1):
        W, b = T[f"flow.0.{layer}.{k}.weight"], T[f"flow.0.{layer}.{k}.bias"]
        own = np.arange(len(b)) // 2 if k + 1 == depth else np.arange(len(b)) % (D - 1) + 1
        h = h @ (W * (own[:, None] >= degree)).T + b
        h, degree = (h if k + 1 == depth else np.maximum(h, 0)), own
    s, t = 2 * np.tanh(h[:, 0::2] / 2), h[:, 1::2]
    z, log_p = (z - t) * np.exp(-s), log_p - s.sum(1)
for value in log_p - (z**2).sum(1) / 2:
    print(f"{value:.6g}")
