"""One product with the inverse Hessian on MNIST by several methods, at three ridges, for lecture 2_5. Takes minutes.

The model is fitted at each ridge; v is the gradient of the loss on one test image. Stores the relative errors of
conjugate gradient after each product, and for the price of about one product (55,000 examples), over five seeds: LiSSA
at several scales with 2,000 steps of 25 examples, its last step and the mean of the second half of its steps; LiSSA as
the paper sets it; conjugate gradient on a tenth of the images for ten steps, on a twentieth for twenty, and on the
tenth to the end. With each method's correlation and slope over 500 images, predicted against exact influence.
"""

import numpy as np
from scipy import special

from helpers import data, influence, results, softmax

TEST, RIDGES, SCALES, SEEDS, PRODUCTS = 8, (0.1, 0.01, 0.001), (2.5, 5, 10, 20, 40), 5, 40

mnist = data.mnist()
varying = mnist.train_x[5000:].max(axis=0) > 0
x, y = mnist.train_x[5000:][:, varying] / 255, mnist.train_y[5000:]
test = mnist.test_x[[TEST]][:, varying] / 255, mnist.test_y[[TEST]]
saved = results.load("mnist_leave_one_out", mnist[:2])
n, d, K, indices = *x.shape, 10, saved["indices"][:500]
rng = np.random.default_rng(0)


def product_from(rows, p, ridge):
    def product(u, some=slice(None)):
        direction = u.reshape(d, K)
        spread = p[some] * (rows[some] @ direction)
        spread -= p[some] * spread.sum(axis=1, keepdims=True)
        return (rows[some].T @ spread / len(spread) + ridge * direction).ravel()

    return product


def conjugate_gradient(product, v, steps):
    solutions, residual, direction = [np.zeros_like(v)], v, v
    for _ in range(steps):
        bent = product(direction)
        length = residual @ residual / (direction @ bent)
        solutions.append(solutions[-1] + length * direction)
        previous, residual = residual, residual - length * bent
        direction = residual + (residual @ residual) / (previous @ previous) * direction
    return np.array(solutions)


def lissa(product, v, scale):
    """The last step of LiSSA, and the mean of the second half of its steps."""
    h, total = v, np.zeros_like(v)
    with np.errstate(all="ignore"):  # it may diverge, and that is a result
        for step in range(2000):
            h = v + h - product(h, rng.integers(n, size=25)) / scale
            total += h if step >= 1000 else 0
    return h / scale, total / 1000 / scale


names = ("last", "mean", "paper", "tenth", "twentieth", "tenth to the end")
errors = np.full((len(RIDGES), len(SCALES), SEEDS, 2), np.inf)  # LiSSA, last step and mean
others = np.full((len(RIDGES), 4, SEEDS), np.inf)
agreement = np.full((len(RIDGES), len(names), SEEDS, 2), np.nan)  # LiSSA at scale 10
walk = np.zeros((len(RIDGES), PRODUCTS + 1))
for a, ridge in enumerate(RIDGES):
    weights = softmax.fit(x, y, ridge, start=saved["weights"])
    p = special.softmax(x @ weights, axis=1)
    v = softmax.gradients(weights, *test, ridge)[0]
    exact = influence.conjugate_gradient(product_from(x, p, ridge), v, rtol=1e-8)
    gradients = softmax.gradients(weights, x[indices], y[indices], ridge)

    def error(solution, exact=exact):
        off = np.linalg.norm(solution - exact, axis=-1) / np.linalg.norm(exact)
        return np.where(np.isfinite(off), off, np.inf)

    def agrees(solution, gradients=gradients, exact=exact):
        if not error(solution) < 10:
            return np.nan, np.nan
        wanted, found = gradients @ exact, gradients @ solution
        return np.corrcoef(wanted, found)[0, 1], np.polyfit(wanted, found, 1)[0]

    walk[a] = error(conjugate_gradient(product_from(x, p, ridge), v, PRODUCTS))
    single = x.astype(np.float32), p.astype(np.float32)
    for seed in range(SEEDS):
        for b, scale in enumerate(SCALES):
            found = lissa(product_from(*single, ridge), v.astype(np.float32), scale)
            errors[a, b, seed] = [error(solution) for solution in found]
            if scale == 10:
                agreement[a, :2, seed] = [agrees(solution) for solution in found]
        paper = influence.lissa(weights, x, ridge, v, 25, 5000, 1, 10, rng)
        some = rng.choice(n, n // 10, replace=False)
        half = some[: n // 20]
        tenth = conjugate_gradient(product_from(x[some], p[some], ridge), v, 60)
        twentieth = conjugate_gradient(product_from(x[half], p[half], ridge), v, 20)
        rows = paper, tenth[10], twentieth[20], tenth[60]
        others[a, :, seed] = [error(solution) for solution in rows]
        agreement[a, 2:, seed] = [agrees(solution) for solution in rows]
results.save(
    "mnist_inverse",
    mnist[:2],
    ridges=np.array(RIDGES),
    scales=np.array(SCALES),
    names=np.array(names),
    walk=walk,
    lissa=errors,
    others=others,
    agreement=agreement,
)
