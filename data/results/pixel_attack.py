"""Attacks on 20 test digits by changed training digits, at three ridges, for lecture 2_6. Takes minutes.

For each ridge the targets are the 20 test digits, among those that are read right, of least margin. Stores which of
them are misread after 1, 2 or 10 training digits were moved within a box, chosen and moved by (2.6.5); after the same
digits were moved to random corners of the box (mean of 10 draws); after they were removed; and, for each of the ten
digits, how many of the up to 30 test digits of least margin one training digit turns.
"""

import numpy as np
from scipy import special

from helpers import data, results, softmax

RIDGES, BOXES, COUNTS, DRAWS, ROUNDS = (1e-2, 1e-3, 1e-4), (1 / 16, 1 / 4), (1, 2, 10), 10, 10

digits = data.digits()
x, y = np.column_stack([digits.train_x, np.ones(len(digits.train_x))]), digits.train_y
test_x, test_y = np.column_stack([digits.test_x, np.ones(len(digits.test_x))]), digits.test_y
(n, d), K = x.shape, 10


def pixel_influences(weights, inverse, images, test, ridge):
    """(2.6.6): influence of each pixel of each training digit on one test loss, (n, 64)."""
    s = (inverse @ softmax.gradients(weights, test_x[[test]], test_y[[test]], ridge)[0]).reshape(d, K)
    p, along = special.softmax(images @ weights, axis=1), images @ s
    inside = p * (along - np.sum(p * along, axis=1, keepdims=True))
    return (-(p - np.eye(K)[y]) @ s.T - inside @ weights.T)[:, :64]


def misread(test, images, ridge, start, kept=slice(None)):
    weights = softmax.fit(images[kept], y[kept], ridge, start=start)
    return np.argmax(test_x[test] @ weights) != test_y[test]


shape = len(RIDGES), len(BOXES), len(COUNTS)
targets = np.zeros((len(RIDGES), 20), dtype=int)
attacked, removed, at_random = np.zeros((*shape, 20), bool), np.zeros((*shape, 20), bool), np.zeros((*shape, 20))
many, rng = np.zeros((len(RIDGES), K), dtype=int), np.random.default_rng(0)
for a, ridge in enumerate(RIDGES):
    weights = softmax.fit(x, y, ridge)
    inverse = np.linalg.inv(softmax.hessian(weights, x, ridge))
    logits = test_x @ weights
    margin = logits[np.arange(len(test_y)), test_y] - np.where(np.eye(K)[test_y] > 0, -np.inf, logits).max(axis=1)
    targets[a] = np.argsort(np.where(margin > 0, margin, np.inf))[:20]
    for place, test in enumerate(targets[a]):
        rows = pixel_influences(weights, inverse, x, test, ridge)
        for b, box in enumerate(BOXES):
            low, high = np.maximum(x[:, :64] - box, 0), np.minimum(x[:, :64] + box, 1)
            best = np.where(rows > 0, high, low)
            order = np.argsort(-np.sum(rows * (best - x[:, :64]), axis=1))
            for c, count in enumerate(COUNTS):
                chosen, images = order[:count], x.copy()
                images[chosen, :64] = best[chosen]
                attacked[a, b, c, place] = misread(test, images, ridge, weights)
                removed[a, b, c, place] = misread(test, x, ridge, weights, np.delete(np.arange(n), chosen))
                for _ in range(DRAWS):
                    up = rng.random((count, 64)) < 0.5
                    images[chosen, :64] = np.where(up, high[chosen], low[chosen])
                    at_random[a, b, c, place] += misread(test, images, ridge, weights) / DRAWS
    for digit in range(K):
        tests = np.flatnonzero((test_y == digit) & (margin > 0))
        tests = tests[np.argsort(margin[tests])[:30]]
        images, current, chosen = x.copy(), weights, None
        for _ in range(ROUNDS):
            rows = np.sum([pixel_influences(current, inverse, images, test, ridge) for test in tests], axis=0)
            chosen = np.argmax(np.abs(rows).sum(axis=1)) if chosen is None else chosen
            images[chosen, :64] = np.clip(images[chosen, :64] + 0.5 * np.sign(rows[chosen]), 0, 1)
            current = softmax.fit(images, y, ridge, start=current)
            flipped = np.sum(np.argmax(test_x[tests] @ current, axis=1) != digit)
            many[a, digit] = max(many[a, digit], flipped)
results.save(
    "pixel_attack",
    digits,
    ridges=np.array(RIDGES),
    boxes=np.array(BOXES),
    counts=np.array(COUNTS),
    targets=targets,
    attacked=attacked,
    removed=removed,
    at_random=at_random,
    many=many,
)
