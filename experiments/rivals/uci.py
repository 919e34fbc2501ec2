#!/usr/bin/env python3
"""The five tables of the density papers, prepared as Papamakarios et al. prepared them (Masked autoregressive
flow for density estimation, 2017), by numpy alone where it can.

uci.py DIRECTORY SET OUT    writes OUT_train.npy, which holds training and validation rows, and OUT_test.npy

SET is power, gas, hepmass, miniboone or bsds300. Ends with 3, and says which, if a file is not there."""
import os, sys
import numpy as np

ARCHIVE = "https://zenodo.org/record/1161203 (data.tar.gz, 817 MB)"


def find(directory, *names):
    for name in names:
        for path in (os.path.join(directory, name), os.path.join(directory, os.path.basename(name))):
            if os.path.exists(path):
                return path
    print(f"no {' or '.join(names)} in {directory}; it is in {ARCHIVE}", file=sys.stderr)
    sys.exit(3)


def module(name, package, of):
    try:
        return __import__(name)
    except ImportError:
        print(f"{of} needs Python's {name}; hint: apt-get install {package}", file=sys.stderr)
        sys.exit(3)


def last_tenth(rows):
    return rows[: -int(0.1 * len(rows))], rows[-int(0.1 * len(rows)) :]


def standardised(train, test, ddof=0):
    mean, deviation = train.mean(0), train.std(0, ddof=ddof)
    return (train - mean) / deviation, (test - mean) / deviation


def power(directory):
    """Household power: two columns leave, the measured ones get noise as wide as their steps. The random
    numbers are drawn in the order of the original, so these are its very rows."""
    rows = np.load(find(directory, "power/data.npy"))
    random = np.random.RandomState(42)
    random.shuffle(rows)
    rows = np.delete(np.delete(rows, 3, 1), 1, 1)
    N = len(rows)
    voltage, gap, meters = 0.01 * random.rand(N, 1), 0.001 * random.rand(N, 1), random.rand(N, 3)
    return standardised(*last_tenth(rows + np.hstack([gap, voltage, meters, np.zeros((N, 1))])))


def gas(directory):
    """Sensors in a mixture of ethylene and CO: of columns that say nearly the same, all but one leave."""
    path = find(directory, "gas/ethylene_CO.pickle", "gas/ethylene_CO.txt")
    if path.endswith(".pickle"):
        pandas = module("pandas", "python3-pandas", "ethylene_CO.pickle")
        rows = pandas.read_pickle(path).drop(columns=["Meth", "Eth", "Time"]).to_numpy(float)
    else:
        rows = np.loadtxt(path, skiprows=1)[:, 3:]  # behind the time and the two concentrations
    while True:
        alike = (np.corrcoef(rows.T) > 0.98).sum(0)
        if not (alike > 1).any():
            break
        rows = np.delete(rows, np.argmax(alike > 1), 1)
    return last_tenth((rows - rows.mean(0)) / rows.std(0, ddof=1))


def hepmass(directory):
    """Particles of mass 1000, signal alone; without columns of which the least value occurs again and again."""
    train = np.loadtxt(find(directory, "hepmass/1000_train.csv"), delimiter=",", skiprows=1)
    test = np.loadtxt(find(directory, "hepmass/1000_test.csv"), delimiter=",", skiprows=1)
    train, test = train[train[:, 0] == 1, 1:], test[test[:, 0] == 1, 1:-1]  # the test file has one column more
    train, test = standardised(train, test, ddof=1)
    varied = (train == train.min(0)).sum(0) <= 5
    return train[:, varied], test[:, varied]


def miniboone(directory):
    """Neutrinos: what the archive holds is cleaned already."""
    return standardised(*last_tenth(np.load(find(directory, "miniboone/data.npy"))))


def bsds300(directory):
    """Patches of 8 x 8 pixels, less their mean and one pixel, as they are."""
    path = find(directory, "BSDS300/BSDS300.hdf5")
    with module("h5py", "python3-h5py", "BSDS300.hdf5").File(path, "r") as file:
        return np.vstack([file["train"][:], file["validation"][:]]), file["test"][:]


if __name__ == "__main__":
    sets = {f.__name__: f for f in (power, gas, hepmass, miniboone, bsds300)}
    if len(sys.argv) != 4 or sys.argv[2] not in sets:
        sys.exit(__doc__)
    for part, rows in zip(("train", "test"), sets[sys.argv[2]](sys.argv[1])):
        np.save(f"{sys.argv[3]}_{part}.npy", rows.astype("<f4"))
        print(f"{sys.argv[2]}: {len(rows)} rows of {rows.shape[1]} columns to {part}")
