"""Digits with wrong labels, searched by four scores over the ridge: the numbers on real images of lecture 2_9.

Takes about two minutes. Stores `flipped` (draws, ridges, scores), the share of 143 wrong labels among the first 143
of the list, ten draws; `confused` (ridges, draws, shares, scores), the same where a share of the fours is labelled nine
and the list is as long as they are many: loss and self-influence over all digits, then loss, self-influence,
probability of four and chance over those labelled nine, eight draws at ridges of 0.1, 0.01 and 0.001; `held_out`
(draws, ridges), the mean loss of digits in fits without their fifth, four draws; and the settings.
"""

import numpy as np
from scipy import special

from helpers import data, results, softmax

RIDGES, SHARES = (1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 0.1, 1), (0.1, 0.3, 0.45, 0.7, 0.9, 0.97)

digits = data.digits()
x, true_y = np.column_stack([digits.train_x, np.ones(1437)]), digits.train_y
squares = np.sum((digits.train_x[:, None] - digits.train_x) ** 2, axis=2)
nearest = np.argsort(squares + 1e9 * np.eye(1437), axis=1)[:, :10]


def found(score, is_wrong):
    """Share of the wrong labels among the first of the list, as many as are wrong."""
    return is_wrong[np.argsort(-score, kind="stable")[: is_wrong.sum()]].sum() / is_wrong.sum()


def losses(weights, y):
    """Cross-entropy of every digit, without a share of the ridge."""
    return -special.log_softmax(x @ weights, axis=1)[np.arange(1437), y]


def self_influences(weights, y, ridge):
    gradients = softmax.gradients(weights, x, y, ridge)
    solved = np.linalg.solve(softmax.hessian(weights, x, ridge), gradients.T)
    return np.sum(gradients.T * solved, axis=0)


def flipped(seed):
    """Shares found, (ridges, 3): by loss, by self-influence, by neighbours with another label."""
    rng = np.random.default_rng(seed)
    is_wrong = np.isin(np.arange(1437), rng.choice(1437, 143, replace=False))
    y = (true_y + is_wrong * rng.integers(1, 10, size=1437)) % 10
    by_neighbours = found(np.mean(y[nearest] != y[:, None], axis=1), is_wrong)
    out = []
    for ridge in RIDGES:
        weights = softmax.fit(x, y, ridge)
        scores = losses(weights, y), self_influences(weights, y, ridge)
        out.append([*(found(score, is_wrong) for score in scores), by_neighbours])
    return out


def confused(seed, ridge):
    """Shares found, (shares, 6), where fours are labelled nine."""
    rng = np.random.default_rng(seed)
    fours, out = np.flatnonzero(true_y == 4), []
    for share in SHARES:
        is_wrong = np.isin(np.arange(1437), rng.choice(fours, int(share * len(fours)), replace=False))
        y = np.where(is_wrong, 9, true_y)
        weights, nine = softmax.fit(x, y, ridge), y == 9
        loss, own = losses(weights, y), self_influences(weights, y, ridge)
        four = special.softmax(x @ weights, axis=1)[:, 4]
        by_label = [found(score[nine], is_wrong[nine]) for score in (loss, own, four)]
        out.append([found(loss, is_wrong), found(own, is_wrong), *by_label, is_wrong[nine].mean()])
    return out


def held_out(seed):
    """Mean cross-entropy of digits with flipped labels in fits without their fifth, (ridges,)."""
    rng = np.random.default_rng(seed)
    y = (true_y + np.isin(np.arange(1437), rng.choice(1437, 143, replace=False)) * rng.integers(1, 10, size=1437)) % 10
    fold, out = rng.permutation(1437) % 5, []
    for ridge in RIDGES:
        each = np.zeros(1437)
        for k in range(5):
            weights = softmax.fit(x[fold != k], y[fold != k], ridge)
            each[fold == k] = losses(weights, y)[fold == k]
        out.append(each.mean())
    return out


results.save(
    "wrong_digits",
    [digits.train_x, true_y],
    ridges=np.array(RIDGES),
    shares=np.array(SHARES),
    flipped=np.array([flipped(seed) for seed in range(10)]),
    confused=np.array([[confused(seed, ridge) for seed in range(8)] for ridge in (0.1, 0.01, 0.001)]),
    held_out=np.array([held_out(seed) for seed in range(4)]),
)
