"""Attacks on 20 test digits by changed training digits, at three ridges, for lecture 2_6. Takes minutes.

For each ridge the targets are the 20 test digits, among those that are read right, of least margin. Stores their
margins (negative where misread) after 1, 2 or 10 training digits were moved within a box, chosen and moved by (2.6.5);
after the same digits were removed; after as many of the most helpful training digits were removed; and after as many
labels were changed, those that raise the loss most by (2.6.1). Of random corners of the box it stores how many of the
targets are misread (mean of 10 draws). For all test digits that are read right: the margins after the attack in the
smaller box. And, for each of the ten digits, how many of the up to 30 test digits of least margin one training digit
turns.
"""

import numpy as np
from scipy import special

from helpers import data, influence, results, softmax

RIDGES, BOXES, COUNTS, DRAWS, ROUNDS = (1e-2, 1e-3, 1e-4), (1 / 16, 1 / 4), (1, 2, 10), 10, 10

digits = data.digits()
x, y = np.column_stack([digits.train_x, np.ones(len(digits.train_x))]), digits.train_y
test_x, test_y = np.column_stack([digits.test_x, np.ones(len(digits.test_x))]), digits.test_y
(n, d), K = x.shape, 10


def margins(weights):
    """The logit of the label less the largest other one, for each test digit."""
    logits = test_x @ weights
    others = np.where(np.eye(K)[test_y] > 0, -np.inf, logits).max(axis=1)
    return logits[np.arange(len(test_y)), test_y] - others


def pixel_influences(weights, inverse, images, test, ridge):
    """(2.6.6): influence of each pixel of each training digit on one test loss, (n, 64)."""
    s = (inverse @ softmax.gradients(weights, test_x[[test]], test_y[[test]], ridge)[0]).reshape(d, K)
    p, along = special.softmax(images @ weights, axis=1), images @ s
    inside = p * (along - np.sum(p * along, axis=1, keepdims=True))
    return (-(p - np.eye(K)[y]) @ s.T - inside @ weights.T)[:, :64]


def best_moves(rows, box):
    """The pixels after the best move of each training digit in the box, and the digits in the order of its gain."""
    low, high = np.maximum(x[:, :64] - box, 0), np.minimum(x[:, :64] + box, 1)
    best = np.where(rows > 0, high, low)
    return best, low, high, np.argsort(-np.sum(rows * (best - x[:, :64]), axis=1))


def best_labels(weights, inverse, test, ridge):
    """For each training digit the label that raises the test loss most, and the digits in the order of the rise."""
    s = (inverse @ softmax.gradients(weights, test_x[[test]], test_y[[test]], ridge)[0]).reshape(d, K)
    along = x @ s  # the gradient changes by x (1_old - 1_new)
    rise = along - along[np.arange(n), y][:, None]
    return rise.argmax(axis=1), np.argsort(-rise.max(axis=1))


shape = len(RIDGES), len(COUNTS), 20
targets = np.zeros((len(RIDGES), 20), dtype=int)
attacked, removed = (np.zeros((len(RIDGES), len(BOXES), *shape[1:])) for _ in range(2))
at_random = np.zeros((len(RIDGES), len(BOXES), len(COUNTS)))
without_helpful, relabelled = np.zeros(shape), np.zeros(shape)
of_all = np.full((len(RIDGES), len(COUNTS), len(test_y)), np.nan)
many, rng = np.zeros((len(RIDGES), K), dtype=int), np.random.default_rng(0)
for a, ridge in enumerate(RIDGES):
    weights = softmax.fit(x, y, ridge)
    inverse = np.linalg.inv(softmax.hessian(weights, x, ridge))
    before = margins(weights)
    targets[a] = np.argsort(np.where(before > 0, before, np.inf))[:20]

    def after(test, images=x, labels=y, kept=slice(None), ridge=ridge, weights=weights):
        return margins(softmax.fit(images[kept], labels[kept], ridge, start=weights))[test]

    for place, test in enumerate(targets[a]):
        rows = pixel_influences(weights, inverse, x, test, ridge)
        helpful = np.argsort(influence.on_loss(weights, x, y, test_x[[test]], test_y[[test]], ridge)[0])
        new, order_of_labels = best_labels(weights, inverse, test, ridge)
        for c, count in enumerate(COUNTS):
            without_helpful[a, c, place] = after(test, kept=np.delete(np.arange(n), helpful[:count]))
            labels, changed = y.copy(), order_of_labels[:count]
            labels[changed] = new[changed]
            relabelled[a, c, place] = after(test, labels=labels)
        for b, box in enumerate(BOXES):
            best, low, high, order = best_moves(rows, box)
            for c, count in enumerate(COUNTS):
                chosen, images = order[:count], x.copy()
                images[chosen, :64] = best[chosen]
                attacked[a, b, c, place] = after(test, images)
                removed[a, b, c, place] = after(test, kept=np.delete(np.arange(n), chosen))
                for _ in range(DRAWS):
                    up = rng.random((count, 64)) < 0.5
                    images[chosen, :64] = np.where(up, high[chosen], low[chosen])
                    at_random[a, b, c] += (after(test, images) < 0) / DRAWS
    for test in np.flatnonzero(before > 0):
        best, _, _, order = best_moves(pixel_influences(weights, inverse, x, test, ridge), BOXES[0])
        for c, count in enumerate(COUNTS):
            images = x.copy()
            images[order[:count], :64] = best[order[:count]]
            of_all[a, c, test] = after(test, images)
    for digit in range(K):
        tests = np.flatnonzero((test_y == digit) & (before > 0))
        tests = tests[np.argsort(before[tests])[:30]]
        images, current, chosen = x.copy(), weights, None
        for _ in range(ROUNDS):
            rows = np.sum([pixel_influences(current, inverse, images, test, ridge) for test in tests], axis=0)
            chosen = np.argmax(np.abs(rows).sum(axis=1)) if chosen is None else chosen
            images[chosen, :64] = np.clip(images[chosen, :64] + 0.5 * np.sign(rows[chosen]), 0, 1)
            current = softmax.fit(images, y, ridge, start=current)
            many[a, digit] = max(many[a, digit], np.sum(margins(current)[tests] < 0))
results.save(
    "pixel_attack",
    digits,
    ridges=np.array(RIDGES),
    boxes=np.array(BOXES),
    counts=np.array(COUNTS),
    targets=targets,
    attacked=attacked,
    removed=removed,
    without_helpful=without_helpful,
    relabelled=relabelled,
    at_random=at_random,
    of_all=of_all,
    many=many,
)
