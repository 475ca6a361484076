"""Influence of training examples on softmax regression (Koh & Liang 2017), and the retraining that it predicts.

`weights` are those of `softmax.fit`; H is the Hessian of the mean loss there, and L the loss of one example with its
share of the ridge. Derivatives are per unit of eps, the extra weight on an example: removing example i is eps = -1/n,
so the predicted change is -1/n times the value returned here.
"""

import numpy as np
from scipy.linalg import cho_factor, cho_solve
from scipy.special import softmax as softmax_function

from helpers import arguments, softmax


def on_params(weights, x, y, l2, index):
    """d θ / d eps = -H⁻¹ ∇L(z_index), (d*K,). Derived in 2_1, eq. 2.1.6."""
    index = arguments.index("index", index, len(x))
    gradient = softmax.gradients(weights, x, y, l2)[index]
    return -_solve(weights, x, l2, gradient)


def on_loss(weights, x, y, test_x, test_y, l2):
    """d L(z_test) / d eps = -∇L(z_test)ᵀ H⁻¹ ∇L(z), (n_test, n). Derived in 2_1, eq. 2.1.15.

    Positive is harmful: more weight on that training example would raise the test loss, and removing it lowers it.
    """
    solved = _solve(weights, x, l2, _gradients_at_tests(weights, test_x, test_y, l2).T)
    return -solved.T @ softmax.gradients(weights, x, y, l2).T


def of_perturbation(weights, x, y, test_x, test_y, l2, index):
    """-∇L(z_test)ᵀ H⁻¹ ∇_x ∇_θ L(z_index), (d,): one number for each feature of training example `index`.

    test_x (d,) or (1, d), test_y a label or (1,). Moving the features by a small delta moves the test loss by about
    1/n times the product of this row with delta. Derived in 2_5_perturbing_an_input.
    """
    index = arguments.index("index", index, len(x))
    test_x, test_y = np.atleast_2d(test_x), np.atleast_1d(test_y)
    if len(test_x) != 1:
        raise ValueError(f"test_x: got {len(test_x)} examples; want one")
    gradient = _gradients_at_tests(weights, test_x, test_y, l2)[0]
    solved = _solve(weights, x, l2, gradient).reshape(np.shape(weights))
    row, weights = np.asarray(x, dtype=float)[index], np.asarray(weights, dtype=float)
    probabilities = softmax_function(row @ weights)
    residual = probabilities - np.eye(len(probabilities))[y[index]]
    # ∇_θ L is the product of x and the residual; x appears in both factors.
    along = row @ solved
    return -(solved @ residual + weights @ (probabilities * (along - probabilities @ along)))


def leave_one_out(x, y, l2, weights, indices=None):
    """Weights retrained without each example in turn, (len(indices), d, K), each with gradient norm at most 1e-10.

    weights   the fit on all examples, where each retraining starts
    indices   the examples to leave out, one at a time; all by default
    """
    x = arguments.array("x", x, (None, None))
    weights = arguments.array("weights", weights, (x.shape[1], None))
    n = len(x)
    indices = range(n) if indices is None else [arguments.index("indices", i, n) for i in indices]
    retrained = []
    for i in indices:
        sample_weight = np.ones(n)
        sample_weight[i] = 0
        retrained.append(softmax.fit(x, y, l2, sample_weight, start=weights))
    return np.array(retrained)


def _gradients_at_tests(weights, test_x, test_y, l2):
    """Gradients of the test losses; a complaint names the test arguments."""
    weights = arguments.array("weights", weights, (None, None))
    test_x = arguments.array("test_x", test_x, (None, len(weights)))
    test_y = arguments.labels("test_y", test_y, len(test_x), weights.shape[1])
    return softmax.gradients(weights, test_x, test_y, l2)


def _solve(weights, x, l2, right):
    """H⁻¹ times each column of `right`. The ridge makes H positive definite, so a Cholesky factor exists."""
    return cho_solve(cho_factor(softmax.hessian(weights, x, l2), lower=True), right)
