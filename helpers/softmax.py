"""Softmax regression with a ridge, fitted to rounding: the model of part 2.

An example is a row x of d features with a label y in 0 .. K-1; the weights are (d, K), one column a class, and there is
no bias (append a constant feature for one). Each example's loss carries its share of the ridge,

    L(z, θ) = -log softmax(x θ)[y] + l2/2 ‖θ‖²,

so that removing an example removes its share too. Gradients and Hessians use the order of `weights.ravel()`.
Derived in 2_1, eqs. 2.1.7 and 2.1.8.
"""

import numpy as np
from scipy.sparse.linalg import LinearOperator, cg
from scipy.special import logsumexp, softmax

from helpers import arguments

WANTED_GRADIENT = 1e-13  # stop here; influence is compared with retraining to many digits
LARGEST_GRADIENT = 1e-10  # and never return weights with a larger one
MOST_STEPS = 500  # Newton's method needs about ten
SMALLEST_WEIGHT = 1e-30  # the largest of the examples' weights is no smaller, or squares of gradients would vanish


def fit(x, y, l2, sample_weight=None, start=None):
    """Minimise (1/n) sum_i s_i L(z_i, θ) until the gradient's norm is at most 1e-10. Returns weights (d, K).

    x (n, d), y (n,)        examples; K is the largest label plus one, or the columns of `start`
    l2                      ridge strength, larger than 0
    sample_weight s (n,)    0 or more, ones by default, never rescaled: s_i = 1 + n eps upweights example i by eps as in
                            2_1, and s_i = 0 removes it
    start (d, K)            where to begin; near the solution that saves time and changes nothing else

    Newton's method; each step solves its linear system by conjugate gradient. Raises ValueError on bad input, and
    ArithmeticError when rounding keeps the gradient above 1e-10, as it does for features, weights or a start far from
    unit size.
    """
    x = arguments.array("x", x, (None, None))
    classes = None
    if start is not None:
        start = arguments.array("start", start, (x.shape[1], None))
        classes = start.shape[1]
    y = arguments.labels("y", y, len(x), classes)
    l2 = arguments.positive("l2", l2)
    s = _sample_weight(sample_weight, len(x))
    weights = np.zeros((x.shape[1], y.max() + 1)) if start is None else start.copy()
    gradient = _mean_gradient(weights, x, y, l2, s)
    for _ in range(MOST_STEPS):
        norm = np.linalg.norm(gradient)
        if norm <= WANTED_GRADIENT * min(1.0, s.mean()):
            return weights
        # Solving loosely far away and tightly near the solution keeps Newton's quadratic convergence for few products.
        step = _newton_step(weights, gradient, x, l2, s, rtol=min(0.1, norm))
        # The objective is strictly convex, so a short enough step shrinks the gradient. Once the gradient is small
        # enough, only whole steps are worth while: where they do not help, rounding has taken over.
        for length in 0.5 ** np.arange(1 if norm <= LARGEST_GRADIENT else 30):
            candidate = weights + length * step
            candidate_gradient = _mean_gradient(candidate, x, y, l2, s)
            if np.linalg.norm(candidate_gradient) <= (1 - length / 4) * norm:
                break
        else:
            break
        weights, gradient = candidate, candidate_gradient
    if np.linalg.norm(gradient) <= LARGEST_GRADIENT:
        return weights
    if start is not None and np.any(start):
        return fit(x, y, l2, s, start=np.zeros_like(start))  # a start may be too far away to find the way back
    raise ArithmeticError(
        f"fit: the gradient's norm stays at {np.linalg.norm(gradient):.1e}; "
        "scale features and sample weights to about unit size, or take a larger l2"
    )


def loss(weights, x, y, l2):
    """The loss L(z_i, θ) of each example with its share of the ridge, (n,)."""
    weights, x, l2 = _problem(weights, x, l2)
    y = arguments.labels("y", y, len(x), weights.shape[1])
    logits = x @ weights
    return logsumexp(logits, axis=1) - logits[np.arange(len(x)), y] + l2 / 2 * np.sum(weights**2)


def residuals(weights, x, y):
    """Predicted probabilities minus the one-hot labels, (n, K): the gradient with respect to the logits."""
    weights = arguments.array("weights", weights, (None, None))
    x = arguments.array("x", x, (None, len(weights)))
    return _residuals(weights, x, arguments.labels("y", y, len(x), weights.shape[1]))


def gradients(weights, x, y, l2):
    """The gradient of each example's loss, ridge share included, (n, d*K)."""
    weights, x, l2 = _problem(weights, x, l2)
    y = arguments.labels("y", y, len(x), weights.shape[1])
    return np.einsum("nd,nk->ndk", x, _residuals(weights, x, y)).reshape(len(x), -1) + l2 * weights.ravel()


def hessian(weights, x, l2):
    """The Hessian (d*K, d*K) of the mean loss. It does not depend on the labels. Explained in 2_4, section 2."""
    weights, x, l2 = _problem(weights, x, l2)
    d, classes = weights.shape
    p = softmax(x @ weights, axis=1)
    larger, smaller = np.tril_indices(classes, -1)
    products = p[:, larger] * p[:, smaller] / -len(x)
    # The block of two classes is symmetric, and the entries of a feature are sums over the examples in which it is not
    # zero. With the feature first that is zero least often, one that many examples have is paired with few others.
    order = np.argsort(-np.count_nonzero(x, axis=0), kind="stable")
    x = x[:, order].copy(order="C")
    blocks = np.empty((len(larger), d, d))
    for j in range(d):
        present = np.flatnonzero(x[:, j])
        weighted = products[present]
        weighted *= x[present, j, None]
        entries = weighted.T @ x[present, : j + 1]
        blocks[:, order[j], order[: j + 1]] = entries
        blocks[:, order[: j + 1], order[j]] = entries
    result = np.zeros((d, classes, d, classes))
    by_class = result.transpose(1, 3, 0, 2)
    by_class[larger, smaller] = blocks
    by_class[smaller, larger] = blocks
    for k in range(classes):
        by_class[k, k] = -by_class[k].sum(axis=0)  # since p sums to one
    result = result.reshape(d * classes, d * classes)
    result[np.diag_indices(d * classes)] += l2
    return result


def hessian_product(weights, x, l2, vector):
    """The Hessian of the mean loss times `vector` (d*K,), without forming the Hessian: n d K work, not n d² K²."""
    weights, x, l2 = _problem(weights, x, l2)
    vector = arguments.array("vector", vector, (weights.size,)).reshape(weights.shape)
    return _product(softmax(x @ weights, axis=1), x, l2, np.ones(len(x)), vector).ravel()


def _problem(weights, x, l2):
    weights = arguments.array("weights", weights, (None, None))
    x = arguments.array("x", x, (None, len(weights)))
    return weights, x, arguments.positive("l2", l2)


def _sample_weight(sample_weight, n):
    if sample_weight is None:
        return np.ones(n)
    s = arguments.array("sample_weight", sample_weight, (n,))
    if s.min() < 0 or s.max() < SMALLEST_WEIGHT:
        raise ValueError(
            f"sample_weight: got values from {s.min():g} to {s.max():g}; "
            f"want 0 or more, and one above {SMALLEST_WEIGHT:g}"
        )
    return s


def _newton_step(weights, gradient, x, l2, s, rtol):
    probabilities = softmax(x @ weights, axis=1)
    hessian = LinearOperator(
        (weights.size, weights.size),
        matvec=lambda vector: _product(probabilities, x, l2, s, vector.reshape(weights.shape)).ravel(),
        dtype=float,
    )
    return cg(hessian, -gradient.ravel(), rtol=rtol)[0].reshape(weights.shape)


def _residuals(weights, x, y):
    result = softmax(x @ weights, axis=1)
    result[np.arange(len(x)), y] -= 1
    return result


def _mean_gradient(weights, x, y, l2, s):
    return x.T @ (s[:, None] * _residuals(weights, x, y)) / len(x) + l2 * s.mean() * weights


def _product(probabilities, x, l2, s, direction):
    """Hessian of (1/n) sum_i s_i L(z_i) times a direction (d, K)."""
    moved = x @ direction
    moved = probabilities * (moved - np.sum(probabilities * moved, axis=1, keepdims=True))
    return x.T @ (s[:, None] * moved) / len(x) + l2 * s.mean() * direction
