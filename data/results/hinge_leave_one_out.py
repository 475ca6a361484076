"""Support vector machines on MNIST's ones and sevens without single images, at three ridges, for lecture 2_7. Minutes.

As in Koh & Liang 2017, Fig. 3: for each of 20 test images the 100 training images are left out, one at a time, whose
influence by the bare hinge is largest. The test images are the paper's, the two of largest loss at ridge 0.01, and 17
drawn at random from those with a hinge loss. Stores the true changes of the hinge loss, and how many other images
reached the margin or left it on the way.
"""

import numpy as np
from sklearn.svm import LinearSVC

from helpers import data, results

RIDGES, PAPERS, TESTS, REMOVED = (0.1, 0.01, 0.001), 1597, 20, 100

mnist = data.mnist()


def ones_and_sevens(images, labels):
    chosen = np.isin(labels, [1, 7])
    return images[chosen] / 255, np.where(labels[chosen] == 1, 1, -1)


x, y = (part[:11_800] for part in ones_and_sevens(mnist.train_x[5000:], mnist.train_y[5000:]))
test_x, test_y = ones_and_sevens(mnist.test_x, mnist.test_y)
varying = x.max(axis=0) > 0
x, test_x, n = x[:, varying], test_x[:, varying], len(x)


def machine(rows, count, ridge):
    settings = {"C": 1 / (count * ridge), "tol": 1e-11, "max_iter": 10**6, "random_state": 0}
    return LinearSVC(loss="hinge", fit_intercept=False, **settings).fit(x[rows], y[rows]).coef_.ravel()


def on_margin(theta):
    return np.abs(y * (x @ theta) - 1) < 1e-7


loss = np.maximum(0, 1 - test_y * (test_x @ machine(np.arange(n), n, 0.01)))
first = [PAPERS, *np.argsort(-loss)[:2]]
others = np.setdiff1d(np.flatnonzero(loss > 0.01), first)
tests = np.array([*first, *np.random.default_rng(0).choice(others, TESTS - 3, replace=False)])
removed = np.zeros((len(RIDGES), TESTS, REMOVED), dtype=int)
actual, changes = np.zeros(removed.shape), np.zeros(removed.shape, dtype=int)
for a, ridge in enumerate(RIDGES):
    theta = machine(np.arange(n), n, ridge)
    margin, on = y * (x @ theta), on_margin(theta)
    near = np.flatnonzero(margin < 1.5)  # the others have no say
    slope = -(margin <= 1 + 1e-9).astype(float)
    for k, test in enumerate(tests):
        test_slope = -float(test_y[test] * (test_x[test] @ theta) < 1)
        solved = test_slope * test_y[test] * test_x[test] / ridge
        bare = (slope * y * (x @ solved) + ridge * theta @ solved) / n
        removed[a, k] = np.argsort(-np.abs(bare), kind="stable")[:REMOVED]
    for i in np.unique(removed[a]):
        without = machine(near[near != i], n - 1, ridge)
        margins = y * (x @ without)
        if np.min(margins[np.setdiff1d(np.arange(n), near)], initial=2) <= 1:
            raise ArithmeticError(f"image {i}: one that was left aside reached the margin")
        changed = on_margin(without) != on
        changed[i] = False
        hinge, hinge_before = (np.maximum(0, 1 - test_y[tests] * (test_x[tests] @ w)) for w in (without, theta))
        for k, place in zip(*np.nonzero(removed[a] == i), strict=True):
            actual[a, k, place] = hinge[k] - hinge_before[k]
            changes[a, k, place] = changed.sum()
results.save(
    "hinge_leave_one_out",
    mnist,
    ridges=np.array(RIDGES),
    tests=tests,
    removed=removed,
    actual=actual,
    changes=changes,
)
