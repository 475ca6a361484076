"""Stochastic gradient descent with a constant step near a minimum: its noise, its stationary law, many chains at once.

The loss is the mean over n examples, each with its share of the ridge; A is its Hessian at the minimum, C the
covariance of one example's gradient there. A minibatch of S examples moves the parameters θ by -ε times its mean
gradient. Derived in 4_1 (noise), 4_2 (stationary covariances), 4_3 (best step, divergence).
"""

import numpy as np
from scipy import linalg, special

from helpers import arguments

FORMS = ("continuous", "discrete")
SCHEMES = ("with replacement", "without replacement", "shuffled epochs")
MOST_ROWS = 400_000  # examples looked up at once by all chains together


def noise_covariance(gradients):
    """C (D, D), the covariance of per-example gradients (n, D), divided by n. Derived in 4_1, eq. 4.1.1."""
    gradients = arguments.array("gradients", gradients, (None, None))
    centred = gradients - gradients.mean(axis=0)
    return centred.T @ centred / len(gradients)


def unit_noise(x, y):
    """Inputs (n, D) and target (n,) over the standard deviation of the least-squares residuals, so that this is one."""
    x = arguments.array("x", x, (None, None))
    y = arguments.array("y", y, (len(x),))
    spread = np.std(y - x @ np.linalg.lstsq(x, y, rcond=None)[0])
    if spread <= 1e-12 * np.max(np.abs(y)):
        raise ValueError("y: got a target without residuals; want one that x does not explain in full")
    return x / spread, y / spread


def at_minimum(x, y):
    """A (D, D), the minimum (D,) and C (D, D) of linear regression with unit noise and the prior N(0, 1), ridge 1/n."""
    x = arguments.array("x", x, (None, None))
    y = arguments.array("y", y, (len(x),))
    A = x.T @ x / len(x) + np.eye(x.shape[1]) / len(x)
    minimum = np.linalg.solve(A, x.T @ y / len(x))
    return A, minimum, noise_covariance((x @ minimum - y)[:, None] * x + minimum / len(x))


def stationary_covariance(A, C, step_size, batch_size, form):
    """The covariance (D, D) at which SGD comes to rest, for noise that does not depend on θ.

    Derived in 4_2, eq. 4.2.2 and 4.2.3.

    form   "continuous": A Σ + Σ A = (ε/S) C; "discrete": the same without the limit of small steps,
           A Σ + Σ A - ε A Σ A = (ε/S) C, which needs ε times the largest eigenvalue of A below 2
    """
    A = _positive_definite("A", A)
    C = _symmetric("C", C, len(A))
    step_size = arguments.positive("step_size", step_size)
    batch_size = arguments.count("batch_size", batch_size)
    if form not in FORMS:
        raise ValueError(f"form: got {form!r}; want one of {FORMS}")
    curvatures, directions = np.linalg.eigh(A)
    sums = curvatures[:, None] + curvatures
    if form == "discrete":
        if step_size * curvatures[-1] >= 2:
            raise ValueError(
                f"step_size: got {step_size}, times the largest eigenvalue of A {step_size * curvatures[-1]:.3g}; "
                "want less than 2, or SGD diverges"
            )
        sums = sums - step_size * np.outer(curvatures, curvatures)
    rotated = directions.T @ C @ directions
    return directions @ (step_size / batch_size * rotated / sums) @ directions.T


def stationary_covariance_exact(x, y, l2, step_size, batch_size, matrix=None, keep=1.0, noise=None):
    """The same for ridge regression with the noise that it has, which grows with the distance from the minimum.

    x (n, D), y (n,), l2: loss of an example (y - x θ)²/2 + l2/2 |θ|²; minibatches are drawn with replacement. Solves
    a linear system of D² unknowns, 4 D² with momentum; raises ValueError where no stationary covariance exists. matrix,
    keep and noise as in `chains`. Derived in 4_2, eq. 4.2.5.
    """
    x, y, l2 = _regression(x, y, l2)
    step_size = arguments.positive("step_size", step_size)
    batch_size = arguments.count("batch_size", batch_size)
    width = x.shape[1]
    one, keep = np.eye(width), _share_kept(keep)
    matrix = one if matrix is None else arguments.array("matrix", matrix, (width, width))
    A, spread = _curvature_and_spread(x, l2)
    minimum = np.linalg.solve(A, x.T @ y / len(x))
    C = noise_covariance((x @ minimum - y)[:, None] * x + l2 * minimum)
    move = step_size * matrix
    if keep == 1:
        stay, kicked, seen = one - move @ A, move, one
    else:  # the state holds θ and the velocity, and a kick hits both
        stay = np.block([[one - move @ A, (1 - keep) * one], [-move @ A, (1 - keep) * one]])
        kicked, seen = np.concatenate([move, move]), np.concatenate([one, 0 * one], axis=1)
    kicks = kicked @ C @ kicked.T / batch_size
    if noise is not None:
        hit = np.concatenate([one] * (len(stay) // width))
        kicks = kicks + hit @ _positive_definite("noise", noise) @ hit.T
    step = np.kron(stay, stay) + np.kron(kicked, kicked) @ spread @ np.kron(seen, seen) / batch_size
    if np.abs(np.linalg.eigvals(step)).max() >= 1:
        raise ValueError(f"step_size: got {step_size}; want one at which the variance of SGD stays finite")
    found = np.linalg.solve(np.eye(len(step)) - step, kicks.ravel()).reshape(stay.shape)[:width, :width]
    return (found + found.T) / 2


def largest_step_size(x, l2, batch_size):
    """The step size from which on the variance of SGD for ridge regression is infinite. Derived in 4_2, eq. 4.2.6.

    x (n, D), l2 as in stationary_covariance_exact; minibatches are drawn with replacement
    """
    x = arguments.array("x", x, (None, None))
    l2, batch_size = arguments.positive("l2", l2), arguments.count("batch_size", batch_size)
    A, spread = _curvature_and_spread(x, l2)
    one = np.eye(len(A))
    shrinks, grows = np.kron(A, one) + np.kron(one, A), np.kron(A, A) + spread / batch_size
    return 1 / np.linalg.eigvals(np.linalg.solve(shrinks, grows)).real.max()


def best_step_size(C, batch_size, n):
    """2 S D / (n Tr C), the step whose continuous law is nearest the posterior. Derived in 4_3, eq. 4.3.2."""
    C = _symmetric("C", C)
    batch_size, n = arguments.count("batch_size", batch_size), arguments.count("n", n)
    if np.trace(C) <= 0:
        raise ValueError(f"C: got a matrix of trace {np.trace(C):g}; want the covariance of some noise")
    return 2 * batch_size * len(C) / (n * np.trace(C))


def kl(covariance, precision, mean=None, samples=None):
    """KL(N(mean, covariance) || N(0, precision^-1)) in nats. Derived in 4_3, eq. 4.3.1.

    samples   how many independent samples the covariance was estimated from: then the mean of the logarithm of its
              determinant, which is too small, is put right (for a Gaussian, dividing by samples - 1)
    """
    covariance, precision = _positive_definite("covariance", covariance), _positive_definite("precision", precision)
    arguments.array("precision", precision, covariance.shape)
    width = len(covariance)
    squares = np.trace(precision @ covariance)
    if mean is not None:
        mean = arguments.array("mean", mean, (width,))
        squares += mean @ precision @ mean
    logs = np.linalg.slogdet(precision)[1] + np.linalg.slogdet(covariance)[1]
    if samples is not None:
        freedom = arguments.count("samples", samples) - 1
        if freedom < width:
            raise ValueError(f"samples: got {samples}; want more than the {width} dimensions")
        halves = special.digamma((freedom - np.arange(width)) / 2)
        logs -= np.sum(halves) - width * np.log(freedom / 2)
    return (squares - width - logs) / 2


def ridge_gradient(x, y, l2):
    """A function of θ (M, D) and rows (M, S): the mean gradient (M, D) of each chain's rows, for ridge regression."""
    x, y, l2 = _regression(x, y, l2)

    def gradient(theta, rows):
        inputs = x.take(rows, axis=0)  # several times as fast as x[rows]
        missed = np.matmul(inputs, theta[:, :, None])[..., 0] - y.take(rows)
        return np.matmul(missed[:, None], inputs)[:, 0] / rows.shape[1] + l2 * theta

    return gradient


def logistic_gradient(x, y, l2):
    """The same for logistic regression with labels y of -1 and +1."""
    x, y, l2 = _regression(x, y, l2)
    if not np.all(np.abs(y) == 1):
        raise ValueError(f"y: got labels {np.unique(y)[:5]}; want -1 and +1")
    signed = x * y[:, None]

    def gradient(theta, rows):
        inputs = signed.take(rows, axis=0)
        wrong = special.expit(-np.matmul(inputs, theta[:, :, None])[..., 0])
        return -np.matmul(wrong[:, None], inputs)[:, 0] / rows.shape[1] + l2 * theta

    return gradient


def chains(gradient, start, n, step_size, batch_size, steps, rng, scheme=SCHEMES[0], matrix=None, keep=1.0, noise=None):
    """Where independent chains of SGD are after `steps` steps (M, D); each chain draws its own minibatches.

    gradient   function of θ (M, D) and rows (M, S), see ridge_gradient
    start      (M, D), one row for each chain
    n          number of examples
    scheme     "with replacement", "without replacement" (within a batch), or "shuffled epochs": each chain goes through
               a permutation of its own, and a rest of the examples that fills no batch waits for the next epoch
    matrix     (D, D), multiplies each gradient
    keep       1 - momentum's memory: the velocity is (1 - keep) times the last one, minus the step; 1 is none
    noise      (D, D), covariance of Gaussian noise that is added to each step
    """
    start = arguments.array("start", start, (None, None))
    step_size, steps = arguments.positive("step_size", step_size), arguments.count("steps", steps)
    n, batch_size = arguments.count("n", n), arguments.count("batch_size", batch_size)
    if batch_size > n and scheme != SCHEMES[0]:
        raise ValueError(f"batch_size: got {batch_size}; want at most the {n} examples")
    if scheme not in SCHEMES:
        raise ValueError(f"scheme: got {scheme!r}; want one of {SCHEMES}")
    keep, width = _share_kept(keep), start.shape[1]
    matrix = None if matrix is None else arguments.array("matrix", matrix, (width, width))
    root = None if noise is None else np.linalg.cholesky(_positive_definite("noise", noise))
    parts = np.array_split(start, max(1, -(-len(start) * batch_size // MOST_ROWS)))
    ends = []
    for theta in parts:
        velocity = np.zeros_like(theta)
        for rows in _minibatches(scheme, len(theta), n, batch_size, steps, rng):
            move = step_size * gradient(theta, rows)
            move = move if matrix is None else move @ matrix.T
            velocity = -move if keep == 1 else (1 - keep) * velocity - move
            if root is not None:
                velocity = velocity + rng.normal(size=theta.shape) @ root.T
            theta = theta + velocity
        ends.append(theta)
    return np.concatenate(ends)


def _minibatches(scheme, chains, n, batch_size, steps, rng):
    """Rows (chains, batch_size) of each step."""
    if scheme == "with replacement":
        for _ in range(steps):
            yield rng.integers(n, size=(chains, batch_size))
    elif scheme == "without replacement":
        for _ in range(steps):
            yield np.argpartition(rng.random((chains, n)), batch_size - 1, axis=1)[:, :batch_size]
    else:
        batches = n // batch_size
        for step in range(steps):
            if step % batches == 0:
                order = rng.permuted(np.broadcast_to(np.arange(n), (chains, n)), axis=1)
            start = step % batches * batch_size
            yield order[:, start : start + batch_size]


def _curvature_and_spread(x, l2):
    """A (D, D), and (D², D²) the covariance of the examples' Hessians as a map of Σ: E[H Σ H] - A Σ A."""
    n, width = x.shape
    plain = x.T @ x / n
    pairs = np.einsum("ni,nj->nij", x, x).reshape(n, -1)
    fourth = (pairs.T @ pairs / n).reshape(4 * (width,))  # E x_i x_j x_k x_l
    fourth = fourth.transpose(0, 2, 1, 3).reshape(width**2, width**2)
    return plain + l2 * np.eye(width), fourth - np.kron(plain, plain)  # the ridge is the same in all H and cancels


def _share_kept(keep):
    if arguments.positive("keep", keep) > 1:
        raise ValueError(f"keep: got {keep}; want a number above 0, at most 1")
    return float(keep)


def _regression(x, y, l2):
    x = arguments.array("x", x, (None, None))
    return x, arguments.array("y", y, (len(x),)), arguments.positive("l2", l2)


def _symmetric(name, matrix, width=None):
    matrix = arguments.array(name, matrix, (width, width))
    if matrix.shape[0] != matrix.shape[1] or not np.allclose(matrix, matrix.T, rtol=1e-8, atol=1e-12):
        raise ValueError(f"{name}: got a matrix of shape {matrix.shape} that is not symmetric; want a symmetric one")
    return matrix


def _positive_definite(name, matrix):
    matrix = _symmetric(name, matrix)
    smallest = linalg.eigvalsh(matrix)[0]
    if smallest <= 0:
        raise ValueError(f"{name}: got the smallest eigenvalue {smallest:.3g}; want a positive definite matrix")
    return matrix
