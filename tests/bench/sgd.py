"""Chains of SGD near a minimum: all at once by helpers.sgd, and by what people write.

Run by `make bench`, in an environment of its own. The patients, ridge 1/n, batches of one and of ten; chain-steps per
second of a plain NumPy loop over chains, a loop with torch.optim, blackjax's SGLD under vmap and scan, and of looking
the rows up and doing nothing with them, which bounds them all. Printed is how many times helpers.sgd is faster than
each, medians of seven rounds in turn, on one thread.
"""

import statistics
import time
from functools import partial

import blackjax
import jax
import numpy as np
import torch
from record import record

from helpers import data, sgd

ROUNDS, BATCHES, STEP, CHAINS = 7, (1, 10), 0.02, 2000

x, y = data.diabetes()
n, width = x.shape
l2 = 1 / n


def all_at_once(steps, batch):
    rng = np.random.default_rng(0)
    sgd.chains(sgd.ridge_gradient(x, y, l2), np.zeros((CHAINS, width)), n, STEP, batch, steps, rng)
    return CHAINS * steps


def rows_only(steps, batch):
    rng = np.random.default_rng(0)
    for _ in range(steps):
        rows = rng.integers(n, size=(CHAINS, batch))
        x.take(rows, axis=0), y.take(rows)
    return CHAINS * steps


def numpy_loop(steps, batch):
    rng = np.random.default_rng(0)
    theta = np.zeros(width)
    for _ in range(steps):
        rows = rng.integers(n, size=batch)
        missed = x[rows] @ theta - y[rows]
        theta = theta - STEP * (missed @ x[rows] / batch + l2 * theta)
    return steps


def torch_loop(steps, batch):
    inputs, targets = torch.tensor(x), torch.tensor(y)
    theta = torch.zeros(width, dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.SGD([theta], lr=STEP, weight_decay=l2)
    for _ in range(steps):
        rows = torch.randint(n, (batch,))
        optimiser.zero_grad()
        loss = ((inputs[rows] @ theta - targets[rows]) ** 2).mean() / 2
        loss.backward()
        optimiser.step()
    return steps


def make_blackjax(steps, batch):
    """Compiled outside of the clock; a step of SGLD is one of SGD and a normal draw for each weight."""
    inputs, targets = jax.numpy.array(x), jax.numpy.array(y)

    def log_density(theta, rows):
        rows_x, rows_y = rows
        return -((rows_x @ theta - rows_y) ** 2).mean() / 2 - l2 / 2 * theta @ theta

    sampler = blackjax.sgld(jax.grad(log_density))

    def chain(key):
        def step(theta, key):
            which, noise = jax.random.split(key)
            rows = jax.random.randint(which, (batch,), 0, n)
            return sampler.step(noise, theta, (inputs[rows], targets[rows]), STEP), None

        return jax.lax.scan(step, jax.numpy.zeros(width), jax.random.split(key, steps))[0]

    run = jax.jit(jax.vmap(chain))
    keys = jax.random.split(jax.random.key(0), CHAINS)
    run(keys).block_until_ready()

    def timed(_):
        run(keys).block_until_ready()
        return CHAINS * steps

    return timed


def speed(run, steps):
    start = time.perf_counter()
    return run(steps) / (time.perf_counter() - start)


def main():
    torch.set_num_threads(1)
    jax.config.update("jax_enable_x64", True)
    measured = []
    for batch in BATCHES:
        runs = {
            "helpers.sgd": (partial(all_at_once, batch=batch), 60),
            "rows only": (partial(rows_only, batch=batch), 60),
            "a plain NumPy loop": (partial(numpy_loop, batch=batch), 20_000),
            "a loop with torch.optim": (partial(torch_loop, batch=batch), 2000),
            "blackjax, vmap and scan": (make_blackjax(60, batch), 60),
        }
        found = {name: [] for name in runs}
        for _ in range(ROUNDS):
            for name, (run, steps) in runs.items():
                found[name].append(speed(run, steps))
        ours = found.pop("helpers.sgd")
        for name, theirs in found.items():
            ratio = statistics.median(mine / other for mine, other in zip(ours, theirs, strict=True))
            print(f"batches of {batch}, helpers.sgd over {name}: {ratio:.3g} times")
            what = f"chains of SGD, batches of {batch}: helpers.sgd over {name}"
            measured.append((what, ratio, "times as fast"))
    record("sgd", measured, ["torch", "blackjax", "jax"])


if __name__ == "__main__":
    main()
