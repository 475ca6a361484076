"""Networks on 20 to 500 digits: plain, mean-field and by Hamiltonian Monte Carlo, for lectures 1_4 and 1_7.

Takes about twenty minutes. Networks 64-30-10 with ReLUs; inputs are pixel/8. Five splits; in each, n training digits
are drawn with equal shares of the ten classes, and 360 others are kept for validation; the 360 test digits are by other
writers. Priors are k / sqrt(inputs + 1). Plain networks and averages of five (from three seeds) by weight decay, guides
by prior, chains at two priors, and the nearest neighbours by their number (a vote with one more for each class). Stored
for each setting, n and split: validation nll, accuracy, nll, the area under the curve that tells shuffled from upright
test digits by entropy, and the nll of the probabilities to the power that validation chooses; the bound of each guide;
for the chains R-hat of the predicted probabilities, its median and largest value, and acceptance.
"""

import itertools

import numpy as np
import torch
from sklearn.metrics import roc_auc_score
from sklearn.neighbors import KNeighborsClassifier

from helpers import data, results, variational

SIZES, SPLITS, NUMBERS = (64, 30, 10), 5, [20, 50, 100, 200, 500]
DECAYS, PRIORS, CHAIN_PRIORS, NEIGHBOURS = [1e-4, 1e-3, 1e-2, 1e-1], [2, 4, 6, 8, 16, 48, 128], [2, 6], [1, 3, 5]
POWERS = np.geomspace(0.25, 8, 71)
STEPS, CHAINS, WARM, KEPT, LEAPS, DRAWS = 12_000, 4, 120, 200, 40, 100

torch.set_num_threads(1)
digits = data.digits()
x, y = 2 * digits.train_x, digits.train_y
test_x, test_y = 2 * digits.test_x, digits.test_y
shuffled = np.random.default_rng(0).permuted(test_x, axis=1)


def split(n, seed):
    """Indices of n training digits, n/10 of each class, and of 360 for validation."""
    order = np.random.default_rng(seed).permutation(len(x))
    pool, validation = order[:1077], order[1077:]
    return np.concatenate([pool[y[pool] == k][: n // 10] for k in range(10)]), validation


def tensor(array, dtype=torch.float32):
    return torch.tensor(np.ascontiguousarray(array), dtype=dtype)


def repeated(n, times):
    """Inputs and labels (SPLITS * times, n, ...), the runs of a split side by side."""
    rows = np.repeat([split(n, seed)[0] for seed in range(SPLITS)], times, axis=0)
    return tensor(x[rows]), torch.tensor(y[rows])


def images(seed, n):
    return np.concatenate([x[split(n, seed)[1]], test_x, shuffled])


def nats(p, labels):
    return -np.log(p[np.arange(360), labels]).mean()


def sharpened(p, power):
    return p**power / np.sum(p**power, axis=1, keepdims=True)


def measured(p, n, seed):
    """Validation nll, accuracy, nll, area under the curve, nll after a power, of probabilities for `images`."""
    p = np.maximum(p, 1e-12)
    upright, test, strange = np.split(p, [360, 720])
    labels = y[split(n, seed)[1]]
    entropies = [-np.sum(q * np.log(q), axis=1) for q in (test, strange)]
    power = min(POWERS, key=lambda tried: nats(sharpened(upright, tried), labels))
    return [
        nats(upright, labels),
        np.mean(test.argmax(axis=1) == test_y),
        nats(test, test_y),
        roc_auc_score(np.repeat([0, 1], 360), np.concatenate(entropies)),
        nats(sharpened(test, power), test_y),
    ]


def sds(k):
    return k / np.sqrt([SIZES[0] + 1, SIZES[1] + 1])


def plain(n, members, seed):
    """By decay and split, the average of so many networks."""
    runs = len(DECAYS) * members
    generator = torch.Generator().manual_seed(seed)
    weights = variational.start(SIZES, SPLITS * runs, generator)
    inputs, labels = repeated(n, runs)
    decays = tensor(np.tile(np.repeat(DECAYS, members), SPLITS))
    variational.fit_plain(weights, inputs, labels, decays, 3000, 3e-3, min(n, 64), generator)
    places = tensor([images(seed, n) for seed in range(SPLITS) for _ in range(runs)])
    p = torch.softmax(variational.logits(weights, places), dim=2).numpy()
    p = p.reshape(SPLITS, len(DECAYS), members, -1, 10).mean(axis=2)
    return [[measured(p[s, k], n, s) for s in range(SPLITS)] for k in range(len(DECAYS))]


def mean_field(n):
    runs = SPLITS * len(PRIORS)
    generator = torch.Generator().manual_seed(0)
    guide = variational.MeanField(SIZES, runs, generator)
    inputs, labels = repeated(n, len(PRIORS))
    priors = tensor(np.tile([sds(k) for k in PRIORS], (SPLITS, 1)).T)
    variational.fit(guide, inputs, labels, priors, STEPS, 1e-2, min(n, 64), generator)
    places = tensor([images(seed, n) for seed in range(SPLITS) for _ in PRIORS])
    p = variational.predict(guide, places, DRAWS, generator).numpy()
    with torch.no_grad():
        scores = [variational.log_likelihood(guide(inputs, generator), labels).mean(dim=1) for _ in range(DRAWS)]
        bound = (sum(scores) / DRAWS - guide.kl(priors) / n).numpy().reshape(SPLITS, -1).T
    rows = [[measured(p[s * len(PRIORS) + k], n, s) for s in range(SPLITS)] for k in range(len(PRIORS))]
    return rows, bound


def unflat(q, prior):
    """Weights, a list of (chains, inputs + 1, outputs), of q (chains, D) in units of the prior."""
    first = (SIZES[0] + 1) * SIZES[1]
    parts = q[:, :first], q[:, first:]
    shapes = zip(SIZES[:-1], SIZES[1:], strict=True)
    return [
        sd * part.reshape(-1, inputs + 1, outputs)
        for part, sd, (inputs, outputs) in zip(parts, sds(prior), shapes, strict=True)
    ]


def chains(n, prior):
    inputs, labels = repeated(n, CHAINS)
    inputs = inputs.double()
    rng = np.random.default_rng(0)

    def energy(q):
        fitted = variational.log_likelihood(variational.logits(unflat(q, prior), inputs), labels).sum(dim=1)
        return (q**2).sum(dim=1) / 2 - fitted

    def height(q):
        with torch.no_grad():
            return energy(torch.tensor(q)).numpy()

    def slope(q):
        q = torch.tensor(q, requires_grad=True)
        energy(q).sum().backward()
        return q.grad.numpy()

    size = (SIZES[0] + 1) * SIZES[1] + (SIZES[1] + 1) * SIZES[2]
    q, step = rng.normal(size=(SPLITS * CHAINS, size)), 0.01
    for _ in range(WARM // 5):
        places, rates = variational.hmc(height, slope, q, step, LEAPS, 5, rng)
        q = places[-1]
        step *= 1.2 if rates.mean() > 0.8 else 0.8
    places, rates = variational.hmc(height, slope, q, step, LEAPS, KEPT, rng)
    rows, judged = [], []
    for seed in range(SPLITS):
        here = tensor(images(seed, n), torch.float64)
        p = np.empty((KEPT, CHAINS, len(here), 10))
        with torch.no_grad():
            for k, place in enumerate(places):
                weights = unflat(torch.tensor(place[seed * CHAINS : (seed + 1) * CHAINS]), prior)
                p[k] = torch.softmax(variational.logits(weights, here), dim=2).numpy()
        rows.append(measured(p.mean(axis=(0, 1)), n, seed))
        halves = np.concatenate(np.split(p[:, :, 360:720], 2), axis=1)
        within, between = halves.var(axis=0, ddof=1).mean(axis=0), halves.mean(axis=0).var(axis=0, ddof=1)
        r_hat = np.sqrt((len(halves) - 1) / len(halves) + between / np.maximum(within, 1e-300))
        judged.append([np.median(r_hat), np.quantile(r_hat, 0.95), r_hat.max(), rates.mean()])
    return rows, judged


def neighbours(n):
    rows = []
    for k in NEIGHBOURS:
        row = []
        for seed in range(SPLITS):
            train = split(n, seed)[0]
            votes = KNeighborsClassifier(k).fit(x[train], y[train]).predict_proba(images(seed, n)) * k
            row.append(measured((votes + 1 / k) / (k + 10 / k), n, seed))
        rows.append(row)
    return rows


def main():
    numbers = [(n,) for n in NUMBERS]
    fields = results.sweep(mean_field, numbers)
    pairs = results.sweep(chains, itertools.product(NUMBERS, CHAIN_PRIORS))
    each = len(CHAIN_PRIORS)
    groups = [pairs[first : first + each] for first in range(0, len(pairs), each)]
    results.save(
        "few_digits",
        [digits.train_x, digits.train_y, digits.test_x, digits.test_y],
        numbers=np.array(NUMBERS),
        decays=np.array(DECAYS),
        priors=np.array(PRIORS),
        chain_priors=np.array(CHAIN_PRIORS),
        plain=np.array(results.sweep(plain, [(n, 1, 0) for n in NUMBERS])),
        five_plain=np.array(results.sweep(plain, [(n, 5, seed) for seed in range(3) for n in NUMBERS])).reshape(
            3, len(NUMBERS), len(DECAYS), SPLITS, -1
        ),
        mean_field=np.array([rows for rows, _ in fields]),
        bound=np.array([bound for _, bound in fields]),
        neighbours=np.array(results.sweep(neighbours, numbers)),
        chains=np.array([[rows for rows, _ in group] for group in groups]),
        judged=np.array([[judged for _, judged in group] for group in groups]),
    )


if __name__ == "__main__":
    main()
