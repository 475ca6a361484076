"""Descents of two-layer ReLU networks towards orthonormal teachers: the counts of lecture 3_2.

Takes about three minutes. Stores, for 6 to 12 units and 1000 starts each, `losses` (7, 1000) and `steps` (7, 1000) of
gradient descent with step 5/k, and `seconds`, its CPU time; `extra` (3, 1000), the losses with one unit more than the
teacher's 8, 10 and 12, and `extra_early`, those when the gradient was first below 1e-4; and for 8 and 10 units
`is_stuck` (2, 5, 300), the verdicts on the same starts by gradient descent, three minibatch descents and L-BFGS.
"""

import time

import numpy as np
from scipy import optimize

from helpers import results, two_layer

WIDTHS, EXTRA, COMPARED = (6, 7, 8, 9, 10, 11, 12), (8, 10, 12), (8, 10)
MINIBATCHES = ((1, 0.02, 4000), (10, 0.02, 5000), (10, 0.1, 2000))  # batch, step, number of steps


def starts(units, width):
    return np.random.default_rng(width).normal(size=(1000, units, width)) / np.sqrt(width)


def descend(networks, width, largest_gradient=1e-6):
    return two_layer.descend(networks, np.eye(width), 5 / width, largest_gradient, 100_000)


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


def with_one_more(width):
    """The losses of networks with one unit more than the teacher, at a gradient of 1e-4 and at the end."""
    early = descend(starts(width + 1, width), width, largest_gradient=1e-4)[0]
    return [two_layer.loss(networks, np.eye(width)) for networks in (early, descend(early, width)[0])]


def verdicts(width):
    networks = starts(width, width)[:300]
    out = [is_stuck(descend(networks, width)[0], width)]
    for setting in MINIBATCHES:
        out.append(is_stuck(descend(minibatch_descent(networks, *setting), width)[0], width))
    return [*out, np.array([quasi_newton(network) > 1e-3 for network in networks])]


began = time.process_time()
ends = [descend(starts(width, width), width) for width in WIDTHS]
seconds = time.process_time() - began
extra = np.array([with_one_more(width) for width in EXTRA])
results.save(
    "spurious_minima",
    [np.array(WIDTHS)],
    losses=np.array([two_layer.loss(out, np.eye(width)) for (out, _), width in zip(ends, WIDTHS, strict=True)]),
    steps=np.array([steps for _, steps in ends]),
    seconds=seconds,
    extra=extra[:, 1],
    extra_early=extra[:, 0],
    is_stuck=np.array([verdicts(width) for width in COMPARED]),
)
