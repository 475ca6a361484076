"""Descents of two-layer ReLU networks towards orthonormal teachers: the counts of lecture 3_2.

Takes about four minutes. Stores `losses` (7, 1000), where gradient descent with step 5/k ends for 6 to 12 units and
1000 starts each; `extra` (5, 2), how many runs are stuck and how many there were, with one unit more than the
teacher's 8, 10, 12, 16 and 20, and `extra_early`, the same when the gradient was first below 1e-4; for 8 and 10 units
`is_stuck` (2, 7, 300), the verdicts on the same starts by gradient descent, by that with a tenth of the step, by four
minibatch descents (a batch of one, and three of ten with rising steps) and by L-BFGS; and `shaken` (3, 2, 2), how many
of 40 runs from the minimum of 7, 8 and 10 units arrive after minibatches with a small step and with a large one.
"""

import numpy as np
from scipy import optimize

from helpers import results, two_layer

WIDTHS, COMPARED = (6, 7, 8, 9, 10, 11, 12), (8, 10)
EXTRA = ((8, 1000), (10, 1000), (12, 1000), (16, 100), (20, 60))  # the teacher's units, runs


def minibatches(width):
    """Batch, step and number of steps; the last step is near the one at which descent diverges."""
    return (1, 0.02, 4000), (10, 0.02, 5000), (10, 0.1, 2000), (10, 2 / width, 8000)


def starts(units, width):
    return np.random.default_rng(width).normal(size=(1000, units, width)) / np.sqrt(width)


def descend(networks, width, largest_gradient=1e-6, step=5):
    return two_layer.descend(networks, np.eye(width), step / width, largest_gradient, 100_000)[0]


def minibatch_descent(networks, batch, step, steps):
    """A new batch of inputs for each network and step; labels by the teacher, without noise."""
    rng, moving = np.random.default_rng(0), networks.copy()
    for _ in range(steps):
        x = rng.normal(size=(len(moving), batch, moving.shape[2]))
        outputs = x @ np.swapaxes(moving, 1, 2)
        miss = np.maximum(outputs, 0).sum(axis=2) - np.maximum(x, 0).sum(axis=2)
        moving -= step * np.swapaxes((outputs > 0) * miss[..., None], 1, 2) @ x / batch
    return moving


def quasi_newton(network):
    """The loss at which L-BFGS ends."""
    teacher = np.eye(network.shape[1])

    def value_and_slope(flat):
        rows = flat.reshape(network.shape)
        return two_layer.loss(rows, teacher), two_layer.gradient(rows, teacher).ravel()

    options = {"maxiter": 5000, "maxfun": 10_000, "gtol": 1e-7, "ftol": 0}
    return optimize.minimize(value_and_slope, network.ravel(), jac=True, method="L-BFGS-B", options=options).fun


def is_stuck(networks, width):
    return two_layer.loss(networks, np.eye(width)) > 1e-3


def with_one_more(width, runs):
    """Stuck runs of all, with one unit more than the teacher: at a gradient of 1e-4, and at the end."""
    early = descend(starts(width + 1, width)[:runs], width, largest_gradient=1e-4)
    return [(is_stuck(networks, width).sum(), runs) for networks in (early, descend(early, width))]


def after_minibatches(networks, width, setting):
    """Which runs are stuck when minibatches are followed by exact gradients; those that diverged count as stuck."""
    moved = minibatch_descent(networks, *setting)
    stuck, finite = np.ones(len(networks), dtype=bool), np.isfinite(moved).all(axis=(1, 2))
    stuck[finite] = is_stuck(descend(moved[finite], width), width)
    return stuck


def verdicts(width):
    networks = starts(width, width)[:300]
    out = [is_stuck(descend(networks, width, step=step), width) for step in (5, 0.5)]
    out += [after_minibatches(networks, width, setting) for setting in minibatches(width)]
    return [*out, np.array([quasi_newton(network) > 1e-3 for network in networks])]


def ends(width):
    """Where gradient descent ends from each start, and the loss there."""
    networks = descend(starts(width, width), width)
    return networks, two_layer.loss(networks, np.eye(width))


def shaken(width, networks, losses):
    """Of 40 runs from the minimum that most stuck runs reach: how many arrive, by a small and a large step."""
    networks, losses = networks[width], losses[width]
    lowest = np.argmin(np.where(losses > 1e-3, losses, 1))
    networks = np.repeat(networks[lowest][None], 40, axis=0)
    settings = (10, 0.02, 4000), (10, 2 / width, 4000)
    return [(40 - after_minibatches(networks, width, setting).sum(), 40) for setting in settings]


def main():
    extra = np.array(results.sweep(with_one_more, EXTRA))
    found = results.sweep(ends, [(width,) for width in WIDTHS])
    networks, losses = (dict(zip(WIDTHS, part, strict=True)) for part in zip(*found, strict=True))
    results.save(
        "spurious_minima",
        [np.array(WIDTHS)],
        losses=np.array(list(losses.values())),
        extra=extra[:, 1],
        extra_early=extra[:, 0],
        is_stuck=np.array(results.sweep(verdicts, [(width,) for width in COMPARED])),
        shaken=np.array(results.sweep(shaken, [(width,) for width in (7, 8, 10)], networks, losses)),
    )


if __name__ == "__main__":
    main()
