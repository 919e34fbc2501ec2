#!/usr/bin/env python3
"""A mixture of Gaussians by scikit-learn, the number of Gaussians chosen on a tenth of the rows.

mixture.py TRAIN.csv TEST.csv [CLASS]    CLASS: a column that is given; a mixture for each of its values
Prints the mean log p of the test rows in nats, and its standard error."""
import sys
import numpy as np
from sklearn.mixture import GaussianMixture

names = open(sys.argv[1]).readline().strip().split(",")
train, test = (np.loadtxt(path, delimiter=",", skiprows=1) for path in sys.argv[1:3])
train = np.random.RandomState(0).permutation(train)
given = [names.index(name) for name in sys.argv[3:]]

def parts(rows):  # the rows of each class, without it
    return [np.delete(rows[rows[:, given].ravel() == c] if given else rows, given, 1)
            for c in (np.unique(train[:, given]) if given else [0])]

log_p = []
for own, held_out in zip(parts(train), parts(test)):
    mean, deviation = own.mean(0), own.std(0)
    x, held_out = (own - mean) / deviation, (held_out - mean) / deviation
    validation, x = np.split(x, [len(x) // 10])
    fits = [GaussianMixture(k, reg_covar=1e-6, random_state=0).fit(x) for k in (1, 2, 4, 8, 16, 32, 64)]
    best = max(fits, key=lambda fit: fit.score(validation))
    log_p.append(best.score_samples(held_out) - np.log(deviation).sum())
log_p = np.concatenate(log_p)
print(log_p.mean(), log_p.std() / len(log_p) ** 0.5)
