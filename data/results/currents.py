"""How SGD's stationary cloud turns: white wines, shuffled epochs, and how long it takes to leave a valley.

Takes about a minute. Stores `wines` (chains,): the current of each chain of SGD on the white wines along the
predicted one, over it, batches of 100, 300 steps, the step .18 over the largest curvature; `shuffled` (3 steps of
SHARES, 2, 20 groups): the same for shuffled epochs of ten of 170 of scikit-learn's wines, the grape as target, over the
current with replacement: mean over an epoch, and the trace of the whitened covariance over its dimension; `phases` (3
steps, 17): the current by place in the epoch; `exits` (5 turns of TURNS, paths): times from the bottom of one valley of
the double well 2(x²-1)² + y² to the top between both, with a force that turns but leaves the law as it is.
"""

import numpy as np
from sklearn.datasets import load_wine

from helpers import data, results, sgd

SHARES = (0.05, 0.2, 0.5)
TURNS = (0.0, 0.3, 0.79, 1.0, 3.0)


def setting(x, y, size, share):
    """Step, minimum, inverse root of the law and the predicted current, white."""
    n, width = x.shape
    A = x.T @ x / n + np.eye(width) / n
    step, minimum = share / np.linalg.eigvalsh(A)[-1], np.linalg.solve(A, x.T @ y / n)
    law = sgd.stationary_covariance_exact(x, y, 1 / n, step, size)
    white = np.linalg.inv(np.linalg.cholesky(law))
    return step, minimum, law, white, step * white @ (A @ law - law @ A) @ white.T


def along(before, after, current):
    """Of each chain, before ∧ after along `current`, over its squared length."""
    turned = np.sum(before @ current * after, axis=1) - np.sum(after @ current * before, axis=1)
    return turned / np.sum(current**2)


def wines(chains=6000, steps=300):
    table, marks = data.wine()
    x, y = sgd.unit_noise(data.standardised(table), marks - marks.mean())
    step, minimum, law, white, current = setting(x, y, 100, 0.18)
    gradient, rng = sgd.ridge_gradient(x, y, 1 / len(x)), np.random.default_rng(0)
    theta, total = rng.multivariate_normal(minimum, law, size=chains), np.zeros(chains)
    before = (theta - minimum) @ white.T
    for _ in range(steps):
        theta = sgd.chains(gradient, theta, len(x), step, 100, 1, rng)
        after = (theta - minimum) @ white.T
        total, before = total + along(before, after, current), after
    return total / steps


def shuffled(share, chains=4000, epochs=40):
    """Current and size of the cloud, by place in the epoch, of groups of chains."""
    table, grape = load_wine(return_X_y=True)
    rows = np.random.default_rng(0).permutation(len(table))[:170]  # seventeen batches, and no rest
    x, y = sgd.unit_noise(data.standardised(table[rows]), grape[rows] - grape[rows].mean())
    n = len(x)
    step, minimum, law, white, current = setting(x, y, 10, share)
    gradient, rng = sgd.ridge_gradient(x, y, 1 / n), np.random.default_rng(1)
    theta = np.tile(minimum, (chains, 1))
    turned, spread = np.zeros((17, chains)), np.zeros((17, chains))
    burn_in = int(150 / share * 10 / n) + 1  # more than three relaxation times of the slowest direction
    for epoch in range(burn_in + epochs):
        order = rng.permuted(np.broadcast_to(np.arange(n), (chains, n)), axis=1)
        for place in range(17):
            before = (theta - minimum) @ white.T
            theta = theta - step * gradient(theta, order[:, 10 * place : 10 * place + 10])
            after = (theta - minimum) @ white.T
            if epoch >= burn_in:
                turned[place] += along(before, after, current) / epochs
                spread[place] += np.mean(after**2, axis=1) / epochs
    groups = np.array([turned.mean(axis=0), spread.mean(axis=0)]).reshape(2, 20, -1).mean(axis=2)
    return groups, turned.mean(axis=1)


def leaving(turn, paths=4000, tick=0.002):
    """Times at which paths of dx = force dt + sqrt 2 dW, begun at (-1, 0), have first been at x = 0."""
    rng = np.random.default_rng(2)
    x, times, left, count = np.tile([-1.0, 0.0], (paths, 1)), np.zeros(paths), np.arange(paths), 0
    while len(left):
        count += 1
        slope = np.array([8 * x[:, 0] * (x[:, 0] ** 2 - 1), 2 * x[:, 1]])
        force = -(slope + turn * np.array([-slope[1], slope[0]])).T
        after = x + tick * force + np.sqrt(2 * tick) * rng.normal(size=x.shape)
        # Between two ticks a path may have been there and back, as a Brownian bridge of variance 2 tick.
        missed = np.exp(-np.maximum(x[:, 0] * after[:, 0], 0) / tick)
        out = (after[:, 0] > 0) | (rng.random(len(x)) < missed)
        times[left[out]] = count * tick
        x, left = after[~out], left[~out]
    return times


def main():
    on_wines = wines()
    print(on_wines.mean(), on_wines.std() / np.sqrt(len(on_wines)), flush=True)
    found = [shuffled(share) for share in SHARES]
    print([groups.mean(axis=1).round(3) for groups, _ in found], flush=True)
    exits = np.array([leaving(turn) for turn in TURNS])
    print(exits.mean(axis=1), flush=True)
    results.save(
        "currents",
        (*data.wine(), load_wine(return_X_y=True)[0]),
        wines=on_wines,
        shuffled=np.array([groups for groups, _ in found]),
        phases=np.array([phases for _, phases in found]),
        exits=exits,
    )


if __name__ == "__main__":
    main()
