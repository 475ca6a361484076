"""The gradient of a batch of two-layer networks beside three usual ways to have it.

Run by `make bench`. The networks of 200 runs have k units and as many inputs; every way gives the gradients of all of
them. A minibatch gradient has an error besides, which is shown. The last row compares with arrays of size k x k x d,
for one large network. One thread; each time is the median of seven.
"""

import statistics
import time

import numpy as np
import torch
from record import record

from helpers import two_layer

RUNS, REPEATS, BATCH = 200, 7, 1000


def seconds(function):
    function()
    times = []
    for _ in range(REPEATS):
        began = time.perf_counter()
        function()
        times.append(time.perf_counter() - began)
    return statistics.median(times)


def masked_sum(rows, others, own):
    """The sum of all kernels; with `own`, the diagonal by its closed form, as autograd fails on it."""
    lengths, targets = rows.norm(dim=1), others.norm(dim=1)
    cosine = rows @ others.T / lengths[:, None] / targets
    cosine = cosine - torch.diag(torch.diag(cosine)) if own else cosine
    angle = torch.acos(cosine)
    kernels = lengths[:, None] * targets * (torch.sin(angle) + (np.pi - angle) * cosine) / (2 * np.pi)
    kernels = kernels - torch.diag(torch.diag(kernels)) + torch.diag(lengths**2 / 2) if own else kernels
    return kernels.sum()


def torch_loop(networks, teacher):
    """Automatic differentiation of the closed loss, network by network."""
    out, others = [], torch.tensor(teacher)
    for network in networks:
        rows = torch.tensor(network, requires_grad=True)
        (masked_sum(rows, rows, True) / 2 - masked_sum(rows, others, False)).backward()
        out.append(rows.grad.numpy())
    return np.array(out)


def minibatch_loop(networks, teacher, generator):
    """Automatic differentiation of the mean over fresh inputs, network by network."""
    out, others = [], torch.tensor(teacher)
    for network in networks:
        rows = torch.tensor(network, requires_grad=True)
        x = torch.randn(BATCH, network.shape[1], generator=generator, dtype=torch.float64)
        miss = torch.relu(x @ rows.T).sum(dim=1) - torch.relu(x @ others.T).sum(dim=1)
        (miss**2).mean().div(2).backward()
        out.append(rows.grad.numpy())
    return np.array(out)


def broadcast(network, teacher):
    """The formula term by term, with arrays of size k x k x d."""
    out = np.zeros_like(network)
    lengths = np.linalg.norm(network, axis=1)
    for sign, others in ((1, network), (-1, teacher)):
        sizes = np.linalg.norm(others, axis=1)
        cosine = np.sum(network[:, None] * others, axis=2) / lengths[:, None] / sizes
        angle = np.arccos(np.clip(cosine, -1, 1))
        towards = (np.pi - angle)[..., None] * others
        along = (sizes * np.sin(angle))[..., None] * (network / lengths[:, None])[:, None]
        out += sign * np.sum(towards + along, axis=1)
    return out / (2 * np.pi)


def main():
    torch.set_num_threads(1)
    measured = []
    print(f"{'':34s} {'batched ms':>11s} {'torch loop':>11s} {'minibatches':>12s} {'their error':>12s}")
    for k in (6, 8, 10):
        networks, teacher = np.random.default_rng(k).normal(size=(RUNS, k, k)) / np.sqrt(k), np.eye(k)
        exact, generator = two_layer.gradient(networks, teacher), torch.Generator().manual_seed(k)
        assert np.allclose(torch_loop(networks, teacher), exact, rtol=0, atol=1e-12)
        noisy = minibatch_loop(networks, teacher, generator)
        error = np.sqrt(np.sum((noisy - exact) ** 2) / np.sum(exact**2))
        ours = seconds(lambda: two_layer.gradient(networks, teacher))  # noqa: B023
        loop = seconds(lambda: torch_loop(networks, teacher))  # noqa: B023
        batches = seconds(lambda: minibatch_loop(networks, teacher, generator))  # noqa: B023
        name = f"{RUNS} networks of {k} units"
        print(f"{name:34s} {1e3 * ours:11.2f} {loop / ours:9.0f} x {batches / ours:10.0f} x {100 * error:10.0f} %")
        told = f"gradients of {name}"
        measured.append((f"{told}: a loop of torch over helpers.two_layer", loop / ours, "times the time"))
        measured.append((f"{told}: minibatches of torch over helpers.two_layer", batches / ours, "times the time"))
    network, teacher = np.random.default_rng(0).normal(size=(2, 50, 100)) / 10
    exact = two_layer.gradient(network, teacher)
    assert np.allclose(broadcast(network, teacher), exact, rtol=0, atol=1e-12)
    ours = seconds(lambda: two_layer.gradient(network, teacher))
    ratio = seconds(lambda: broadcast(network, teacher)) / ours
    print(f"{'one of 50 units, 100 inputs':34s} {1e3 * ours:11.2f} {'broadcast':>11s} takes {ratio:.0f} x")
    measured.append(("gradient of one network: broadcast over helpers.two_layer", ratio, "times the time"))
    record("two_layer", measured, ["torch"])


if __name__ == "__main__":
    main()
