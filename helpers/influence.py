"""Influence of training examples on softmax regression (Koh & Liang 2017), and the retraining that it predicts.

`weights` are those of `softmax.fit`; H is the Hessian of the mean loss there, and L the loss of one example with its
share of the ridge. Derivatives are per unit of eps, the extra weight on an example: removing example i is eps = -1/n,
so the predicted change is -1/n times the value returned here. What solves a system with H raises ArithmeticError where
to rounding H is not positive definite, as it may be when features are far from unit size or the ridge is tiny.
"""

import numpy as np
from scipy.linalg import cho_factor, cho_solve
from scipy.special import softmax as softmax_function

from helpers import arguments, softmax

CHUNK = 256  # examples whose gradients on_loss forms together; those of all would be K times as large as the data
BATCH = 64  # problems that leave_one_out solves together; their logits are (n, K, BATCH) numbers


def on_params(weights, x, y, l2, index):
    """d θ / d eps = -H⁻¹ ∇L(z_index), (d*K,). Derived in 2_1, eq. 2.1.6."""
    gradients = softmax.gradients(weights, x, y, l2)
    return -_solve(weights, x, l2, gradients[arguments.index("index", index, len(gradients))])


def on_loss(weights, x, y, test_x, test_y, l2):
    """d L(z_test) / d eps = -∇L(z_test)ᵀ H⁻¹ ∇L(z), (n_test, n). Derived in 2_2, eq. 2.2.1.

    Positive is harmful: more weight on that training example would raise the test loss, and removing it lowers it.
    """
    x, y, weights = _problem(x, y, weights)
    solved = -_solve(weights, x, l2, _gradients_at_tests(weights, test_x, test_y, l2).T)
    values = np.empty((len(x), solved.shape[1]))
    for first in range(0, len(x), CHUNK):
        piece = slice(first, first + CHUNK)
        values[piece] = softmax.gradients(weights, x[piece], y[piece], l2) @ solved
    return values.T


def of_perturbation(weights, x, y, test_x, test_y, l2, index):
    """-∇L(z_test)ᵀ H⁻¹ ∇_x ∇_θ L(z_index), (d,): one number for each feature of training example `index`.

    test_x (d,) with test_y a label, or (1, d) with (1,). Moving the features by a small delta moves the test loss by
    about 1/n times the product of this row with delta. Derived in 2_6, eq. 2.6.4.
    """
    x, y, weights = _problem(x, y, weights)
    index = arguments.index("index", index, len(x))
    if np.ndim(test_y) == 0:
        test_x, test_y = [test_x], [test_y]
    gradient = _gradients_at_tests(weights, test_x, test_y, l2)
    if len(gradient) != 1:
        raise ValueError(f"test_x: got {len(gradient)} examples; want one")
    solved = _solve(weights, x, l2, gradient[0]).reshape(weights.shape)
    row = x[index]
    probabilities = softmax_function(row @ weights)
    residual = probabilities - np.eye(len(probabilities))[y[index]]
    # ∇_θ L is the product of x and the residual; x appears in both factors.
    along = row @ solved
    return -(solved @ residual + weights @ (probabilities * (along - probabilities @ along)))


def conjugate_gradient(product, right, rtol=1e-10):
    """The solution s of H s = right by conjugate gradient, from products with H alone. Derived in 2_5, eq. 2.5.3.

    product   product(v) = H v for v of the shape of `right` (p,); H symmetric and positive definite
    rtol      stop when the residual's norm is this part of that of `right`, below 1

    Raises ArithmeticError when H is not positive definite, or when ten times p steps do not suffice.
    """
    if not callable(product):
        raise ValueError(f"product: got {product!r}; want a function of a vector")
    right = arguments.array("right", right, (None,))
    if arguments.positive("rtol", rtol) >= 1:
        raise ValueError(f"rtol: got {rtol:g}; want a number below 1")
    wanted = rtol * np.linalg.norm(right)
    solution, residual, direction = np.zeros_like(right), right.copy(), right.copy()
    for _ in range(10 * len(right)):
        size = residual @ residual
        if np.sqrt(size) <= wanted:
            return solution
        bent = arguments.array("product", product(direction), right.shape)
        curvature = direction @ bent
        if curvature <= 0:
            raise ArithmeticError(f"the matrix is not positive definite: a direction has curvature {curvature:.2g}")
        step = size / curvature
        solution += step * direction
        residual -= step * bent
        direction = residual + residual @ residual / size * direction
    raise ArithmeticError(f"conjugate gradient: no residual below {rtol:g} after {10 * len(right)} steps")


def lissa(weights, x, l2, right, scale, depth, batch, repeats, rng):
    """An estimate of H⁻¹ right, (d*K,), by a stochastic Neumann series (LiSSA). Derived in 2_5, eq. 2.5.7.

    right     (d*K,)
    scale     larger than half of the largest eigenvalue of H, or the estimate diverges; in practice several times that
    depth     steps; about scale / l2 of them are needed before the bias is gone
    batch     training examples drawn for one step, at most n
    repeats   independent runs, which are averaged
    rng       a NumPy generator

    Raises ArithmeticError when the runs diverge.
    """
    weights = arguments.array("weights", weights, (None, None))
    x = arguments.array("x", x, (None, len(weights)))
    right = arguments.array("right", right, (weights.size,)).reshape(weights.shape)
    l2, scale = arguments.positive("l2", l2), arguments.positive("scale", scale)
    for name, value, most in (("depth", depth, 10**9), ("batch", batch, len(x)), ("repeats", repeats, 10**6)):
        if not 1 <= arguments.index(name, value, most + 1):
            raise ValueError(f"{name}: got {value}; want 1 or more")
    probabilities = softmax_function(x @ weights, axis=1)
    estimates = np.tile(right, (repeats, 1, 1))
    with np.errstate(over="ignore", invalid="ignore"):  # a run that diverges is noticed at the end
        for _ in range(depth):
            drawn = rng.integers(len(x), size=(repeats, batch))
            spread = probabilities[drawn] * (x[drawn] @ estimates)
            spread -= probabilities[drawn] * spread.sum(axis=2, keepdims=True)
            products = x[drawn].transpose(0, 2, 1) @ spread / batch + l2 * estimates
            estimates = right + estimates - products / scale
    # All eigenvalues of H are at least l2, so the solution is no larger than right / l2.
    if not np.max(np.linalg.norm(estimates, axis=(1, 2))) / scale <= 10 * np.linalg.norm(right) / l2:
        raise ArithmeticError(f"LiSSA diverged; take a scale above {scale:g}, or a larger batch")
    return estimates.mean(axis=0).ravel() / scale


def leave_one_out(x, y, l2, weights, indices=None):
    """Weights retrained without each example in turn, (len(indices), d, K), each with gradient norm at most 1e-10.

    weights   the fit on all examples, where each retraining starts
    indices   the examples to leave out, one at a time; all by default

    Batches of problems are solved together, each by Newton steps with its own Hessian at `weights`, kept fixed, down to
    a gradient norm of 1e-12. A problem whose gradient does not shrink fast is handed to `softmax.fit`.
    Explained in 2_3, eq. 2.3.1.
    """
    x, y, weights = _problem(x, y, weights)
    indices = arguments.indices("indices", indices, len(x))
    retrained = np.empty((len(indices), weights.size))
    for left_out, place, solve, gradient in _batches(x, y, l2, weights, indices):
        parameters = np.tile(weights.ravel(), (len(left_out), 1))
        active, norms = np.arange(len(left_out)), np.full(len(left_out), np.inf)
        while len(active):
            parameters[active] -= solve(gradient, active)
            gradient = _gradients_without(parameters[active], weights, x, y, l2, left_out[active])
            previous, norms = norms, np.linalg.norm(gradient, axis=1)
            # A fixed Hessian gains a digit a step on ordinary problems; one that does not even halve the gradient needs
            # the careful fit. Neither holds for a norm that is not finite.
            done, shrinking = norms <= 1e-12, norms < 0.5 * previous
            for k in active[~done & ~shrinking]:
                rest = np.delete(x, left_out[k], axis=0), np.delete(y, left_out[k])
                parameters[k] = softmax.fit(*rest, l2, start=weights).ravel()
            going = ~done & shrinking
            active, norms, gradient = active[going], norms[going], gradient[going]
        retrained[place] = parameters
    return retrained.reshape(len(indices), *weights.shape)


def newton_step(x, y, l2, weights, indices=None):
    """Weights after one Newton step from `weights` towards each leave-one-out fit, (len(indices), d, K).

    Far closer to `leave_one_out` than influence is, for little more work. Derived in 2_3, eq. 2.3.5.
    """
    x, y, weights = _problem(x, y, weights)
    indices = arguments.indices("indices", indices, len(x))
    stepped = np.empty((len(indices), weights.size))
    for left_out, place, solve, gradient in _batches(x, y, l2, weights, indices):
        stepped[place] = weights.ravel() - solve(gradient, np.arange(len(left_out)))
    return stepped.reshape(len(indices), *weights.shape)


def _problem(x, y, weights):
    x = arguments.array("x", x, (None, None))
    weights = arguments.array("weights", weights, (x.shape[1], None))
    return x, arguments.labels("y", y, len(x), weights.shape[1]), weights


def _batches(x, y, l2, weights, indices):
    """For each batch of problems: the examples left out, their place in `indices`, the solver, and the gradients."""
    n, l2 = len(x), arguments.positive("l2", l2)
    if n < 2:
        raise ValueError("x: got 1 example; want at least 2, so that something is left")
    residuals = softmax.residuals(weights, x, y)
    mean_gradient = (x.T @ residuals / n + l2 * weights).ravel()
    # The ridge share of the one that goes can go from all of the matrix at once.
    inverse = np.linalg.inv(softmax.hessian(weights, x, l2 * (n - 1) / n))
    for first in range(0, len(indices), BATCH):
        place = slice(first, first + BATCH)
        left_out = indices[place]
        gradient = mean_gradient - softmax.gradients(weights, x[left_out], y[left_out], l2) / n
        yield left_out, place, _solver_without(weights, x, inverse, left_out), gradient


def _solver_without(weights, x, inverse, left_out):
    """solve(right, which): each row of `right` times the inverse Hessian without that problem's example.

    The example's own share of the Hessian is the product of a (d*K, K) factor U with its transpose, over n, so the
    inverse changes by a matrix of rank K (Woodbury).
    """
    n, (d, classes) = len(x), weights.shape
    rows = x[left_out]
    p = softmax_function(rows @ weights, axis=1)[:, :, None]
    root = np.sqrt(p) * np.eye(classes) - p * np.sqrt(p).transpose(0, 2, 1)  # root rootᵀ = diag(p) - p pᵀ
    by_rows = inverse.reshape(-1, d, classes).transpose(1, 0, 2).reshape(d, -1)
    solved = (rows @ by_rows).reshape(len(rows), d * classes, classes) @ root  # H⁻¹ U, (problems, d*K, K)
    inner = np.einsum("bd,bdkl->bkl", rows, solved.reshape(len(rows), d, classes, classes))  # (x ⊗ I)ᵀ H⁻¹ U
    # H⁻¹ U (n I - Uᵀ H⁻¹ U)⁻¹, (problems, d*K, K); `inner` is (problems, K, K)
    correction = solved @ np.linalg.inv(n * np.eye(classes) - root.transpose(0, 2, 1) @ inner)

    def solve(right, which):
        along = right[:, None, :] @ solved[which]
        return right @ inverse + (along @ correction[which].transpose(0, 2, 1))[:, 0]

    return solve


def _gradients_without(parameters, weights, x, y, l2, left_out):
    """Gradient of (1/n) sum over j != left_out[b] of L(z_j) at parameters[b], for each b, (b, d*K)."""
    n, (d, classes), count = len(x), weights.shape, len(parameters)
    # Problems lie on the last axis, where memory is contiguous; classes on the middle one.
    columns = parameters.reshape(count, d, classes).transpose(1, 2, 0).reshape(d, -1)
    residuals = (x @ columns).reshape(n, classes, count)
    # Any shift of the logits is right; that at `weights` is at hand, and nearly the largest logit.
    residuals -= (x @ weights).max(axis=1)[:, None, None]
    with np.errstate(over="ignore", invalid="ignore"):  # a problem that runs away is noticed by its gradient
        np.exp(residuals, out=residuals)
        residuals /= residuals.sum(axis=1)[:, None]
    residuals[np.arange(n), y] -= 1
    residuals[left_out, :, np.arange(count)] = 0
    gradient = (x.T @ residuals.reshape(n, -1)).reshape(d, classes, count)
    return gradient.transpose(2, 0, 1).reshape(count, -1) / n + l2 * (n - 1) / n * parameters


def _gradients_at_tests(weights, test_x, test_y, l2):
    """Gradients of the test losses; a complaint names the test arguments."""
    weights = arguments.array("weights", weights, (None, None))
    test_x = arguments.array("test_x", test_x, (None, len(weights)))
    test_y = arguments.labels("test_y", test_y, len(test_x), weights.shape[1])
    return softmax.gradients(weights, test_x, test_y, l2)


def _solve(weights, x, l2, right):
    """H⁻¹ times each column of `right`. The ridge makes H positive definite, so a Cholesky factor exists."""
    hessian = softmax.hessian(weights, x, l2)
    try:
        # The transpose is the same matrix and lies in memory as LAPACK wants it, so that nothing is copied.
        return cho_solve(cho_factor(hessian.T, lower=True, overwrite_a=True), right)
    except np.linalg.LinAlgError:
        raise ArithmeticError(
            f"the Hessian is not positive definite to rounding; scale x to about unit size or take l2 above {l2:g}"
        ) from None
