"""Attacks on 20 test digits by changed training digits, at three ridges, for lecture 2_6. Takes minutes.

For each ridge the targets are the 20 test digits, among those that are read right, of least margin. Stores their
margins (negative where misread) after 1, 2 or 10 training digits were moved within a box, chosen and moved by (2.6.5);
after the same digits were removed; after as many of the most helpful training digits were removed; and after as many
labels were changed, those that raise the loss most by (2.6.1). Of random corners of the box it stores how many of the
targets are misread (mean of 10 draws). For all test digits that are read right: the margins after the attack in the
smaller box. And, for each of the ten digits, how many of the up to 30 test digits of least margin one training digit
turns.
"""

import itertools

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


def fitted(ridge):
    """Weights, inverse Hessian, margins, and the loss of a test digit's margin in a fit to other data."""
    weights = softmax.fit(x, y, ridge)

    def after(test, images=x, labels=y, kept=slice(None)):
        return margins(softmax.fit(images[kept], labels[kept], ridge, start=weights))[test]

    return weights, np.linalg.inv(softmax.hessian(weights, x, ridge)), margins(weights), after


def targets(before):
    return np.argsort(np.where(before > 0, before, np.inf))[:20]


def on_target(a, place):
    """The margins of one target at ridge `a` after each attack; how often random corners turn it."""
    ridge = RIDGES[a]
    weights, inverse, before, after = fitted(ridge)
    test = targets(before)[place]
    rows = pixel_influences(weights, inverse, x, test, ridge)
    helpful = np.argsort(influence.on_loss(weights, x, y, test_x[[test]], test_y[[test]], ridge)[0])
    new, order_of_labels = best_labels(weights, inverse, test, ridge)
    without_helpful, relabelled = [], []
    for count in COUNTS:
        without_helpful.append(after(test, kept=np.delete(np.arange(n), helpful[:count])))
        labels, changed = y.copy(), order_of_labels[:count]
        labels[changed] = new[changed]
        relabelled.append(after(test, labels=labels))
    attacked, removed, at_random = np.zeros((3, len(BOXES), len(COUNTS)))
    rng = np.random.default_rng([a, place])
    for b, box in enumerate(BOXES):
        best, low, high, order = best_moves(rows, box)
        for c, count in enumerate(COUNTS):
            chosen, images = order[:count], x.copy()
            images[chosen, :64] = best[chosen]
            attacked[b, c] = after(test, images)
            removed[b, c] = after(test, kept=np.delete(np.arange(n), chosen))
            for _ in range(DRAWS):
                up = rng.random((count, 64)) < 0.5
                images[chosen, :64] = np.where(up, high[chosen], low[chosen])
                at_random[b, c] += (after(test, images) < 0) / DRAWS
    return attacked, removed, at_random, without_helpful, relabelled


def on_digit(a, digit):
    """Margins after the attack of all test digits of one class (nan: others), and how many one training digit turns."""
    ridge = RIDGES[a]
    weights, inverse, before, after = fitted(ridge)
    tests = np.flatnonzero((test_y == digit) & (before > 0))
    margins_after = np.full((len(COUNTS), len(test_y)), np.nan)
    for test in tests:
        best, _, _, order = best_moves(pixel_influences(weights, inverse, x, test, ridge), BOXES[0])
        for c, count in enumerate(COUNTS):
            images = x.copy()
            images[order[:count], :64] = best[order[:count]]
            margins_after[c, test] = after(test, images)
    tests, turned = tests[np.argsort(before[tests])[:30]], 0
    images, current, chosen = x.copy(), weights, None
    for _ in range(ROUNDS):
        rows = np.sum([pixel_influences(current, inverse, images, test, ridge) for test in tests], axis=0)
        chosen = np.argmax(np.abs(rows).sum(axis=1)) if chosen is None else chosen
        images[chosen, :64] = np.clip(images[chosen, :64] + 0.5 * np.sign(rows[chosen]), 0, 1)
        current = softmax.fit(images, y, ridge, start=current)
        turned = max(turned, np.sum(margins(current)[tests] < 0))
    return margins_after, turned


def main():
    places = range(len(RIDGES))
    on_targets = results.sweep(on_target, itertools.product(places, range(20)))
    on_digits = results.sweep(on_digit, itertools.product(places, range(K)))

    def gathered(found, part, *shape):
        return np.array([one[part] for one in found]).reshape(len(RIDGES), -1, *shape)

    by_target = [gathered(on_targets, part, len(BOXES), len(COUNTS)) for part in range(3)]
    attacked, removed, at_random = (np.moveaxis(part, 1, -1) for part in by_target)
    without_helpful, relabelled = (np.swapaxes(gathered(on_targets, part, len(COUNTS)), 1, 2) for part in (3, 4))
    results.save(
        "pixel_attack",
        digits,
        ridges=np.array(RIDGES),
        boxes=np.array(BOXES),
        counts=np.array(COUNTS),
        targets=np.array([targets(margins(softmax.fit(x, y, ridge))) for ridge in RIDGES]),
        attacked=attacked,
        removed=removed,
        without_helpful=without_helpful,
        relabelled=relabelled,
        at_random=at_random.sum(axis=-1),
        of_all=np.fmax.reduce(gathered(on_digits, 0, len(COUNTS), len(test_y)), axis=1),
        many=gathered(on_digits, 1),
    )


if __name__ == "__main__":
    main()
