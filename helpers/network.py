"""A small convolutional network with tanh units on the 8 x 8 digits, trained to rounding: where influence is hard.

3 x 3 convolution (6 channels), tanh, 3 x 3 convolution with stride 2 (6 channels), tanh, a linear layer: 640 weights in
one vector w, float64. The loss of an example is L(z, w) = cross-entropy + l2/2 |w|², as in `softmax`. The objective is
(1/n) sum_i keep_i L(z_i, w), with keep_i = 0 for an example that is left out. Used in 2_8.
"""

import numpy as np
import torch
from scipy.linalg import cho_solve
from scipy.optimize import minimize

CHANNELS = 6
SHAPES = [(9, CHANNELS), (CHANNELS,), (9 * CHANNELS, CHANNELS), (CHANNELS,), (4 * CHANNELS, 10), (10,)]


def _patches(side, stride):
    """For each place of a 3 x 3 window, the nine pixels that it covers."""
    corners = range(0, side - 2, stride)
    return torch.tensor(
        [[(r + a) * side + c + b for a in range(3) for b in range(3)] for r in corners for c in corners]
    )


FIRST, SECOND = _patches(8, 1), _patches(6, 2)


def start(rng):
    """Random initial weights (640,), scaled by the number of inputs of a unit; biases are zero."""
    parts = [rng.normal(size=shape) / np.sqrt(shape[0]) if len(shape) == 2 else np.zeros(shape) for shape in SHAPES]
    return np.concatenate([part.ravel() for part in parts])


def logits(w, x):
    """Logits (n, 10) of images x (n, 64); torch tensors, so that they can be differentiated."""
    sizes = [int(np.prod(shape)) for shape in SHAPES]
    if w.shape != (sum(sizes),):
        raise ValueError(f"w: got shape {tuple(w.shape)}; want ({sum(sizes)},)")
    if x.ndim != 2 or x.shape[1] != 64:
        raise ValueError(f"x: got shape {tuple(x.shape)}; want (any, 64), one 8 x 8 image a row")
    parts = w.split(sizes)
    filters, offsets, more_filters, more_offsets, linear, last = (
        part.reshape(shape) for part, shape in zip(parts, SHAPES, strict=True)
    )
    hidden = torch.tanh(x[:, FIRST] @ filters + offsets)
    hidden = torch.tanh(hidden[:, SECOND].reshape(len(x), 4, 9 * CHANNELS) @ more_filters + more_offsets)
    return hidden.reshape(len(x), 4 * CHANNELS) @ linear + last


def cross_entropies(w, x, y):
    """Cross-entropy of each example, (n,), a torch tensor."""
    return torch.nn.functional.cross_entropy(logits(w, x), y, reduction="none")


def objective(w, x, y, l2, keep):
    """(1/n) sum_i keep_i L(z_i, w), a torch scalar."""
    if keep.shape != y.shape:
        raise ValueError(f"keep: got shape {tuple(keep.shape)}; want {tuple(y.shape)}, one number for each example")
    return (keep * cross_entropies(w, x, y)).mean() + l2 / 2 * keep.mean() * (w @ w)


def value_and_gradient(function, w):
    """A scalar function of a torch vector and its gradient at w (p,), as a float and an array."""
    point = torch.tensor(w, requires_grad=True)
    value = function(point)
    value.backward()
    return value.item(), point.grad.numpy()


def hessian(function, w):
    """Hessian (p, p) of a scalar function at w (p,)."""
    result = torch.func.jacrev(torch.func.grad(function), chunk_size=32)(torch.tensor(w)).numpy()
    return (result + result.T) / 2


def gradients(w, x, y, l2):
    """Gradient of each example's loss, ridge share included, (n, p)."""

    def loss(v, image, label):
        return cross_entropies(v, image[None], label[None])[0]

    return torch.func.vmap(torch.func.grad(loss), in_dims=(None, 0, 0))(torch.tensor(w), x, y).numpy() + l2 * w


def gauss_newton(w, x):
    """Mean over examples of Jᵀ (diag p - p pᵀ) J, (p, p), with J the derivative of the logits; never negative."""
    of_one = torch.func.jacrev(lambda v, image: logits(v, image[None])[0])
    jacobian = torch.func.vmap(of_one, in_dims=(None, 0))(torch.tensor(w), x)
    p = torch.softmax(logits(torch.tensor(w), x), dim=1)
    curvature = torch.diag_embed(p) - p[:, :, None] * p[:, None, :]
    bent = torch.einsum("nkl,nlb->nkb", curvature, jacobian)
    return (jacobian.reshape(-1, len(w)).T @ bent.reshape(-1, len(w))).numpy() / len(x)


def minimise(function, w, largest_gradient, steps=3000):
    """L-BFGS and then Newton steps from w, to a minimum with a gradient's norm of at most `largest_gradient`; (p,).

    Newton steps take the absolute values of the Hessian's eigenvalues, so that they lead away from a saddle; where the
    gradient vanishes at one all the same, the search goes on from a little way down its steepest descent.
    Raises ArithmeticError when 60 Newton steps do not suffice.
    """
    settings = {"maxiter": steps, "maxfun": 10 * steps, "maxcor": 30, "ftol": 0, "gtol": 1e-9}
    w = minimize(lambda v: value_and_gradient(function, v), w, jac=True, method="L-BFGS-B", options=settings).x
    value, gradient = value_and_gradient(function, w)
    for _ in range(60):
        norm = np.linalg.norm(gradient)
        eigenvalues, vectors = np.linalg.eigh(hessian(function, w))
        if norm <= largest_gradient:
            if eigenvalues[0] > -1e-9:
                return w
            return minimise(function, w + 0.1 * vectors[:, 0], largest_gradient, steps)
        step = -vectors @ ((vectors.T @ gradient) / np.maximum(np.abs(eigenvalues), 1e-6))
        for length in 0.5 ** np.arange(30):
            value_there, gradient_there = value_and_gradient(function, w + length * step)
            closer = norm < 1e-5 and np.linalg.norm(gradient_there) < norm
            if closer or value_there <= value + 1e-4 * length * (gradient @ step):
                break
        w, value, gradient = w + length * step, value_there, gradient_there
    raise ArithmeticError(f"minimise: the gradient's norm stays at {np.linalg.norm(gradient):.1e}")


def retrain(function, w, factor, largest_gradient):
    """Minimum of a function that differs little from one with a minimum at w, (p,).

    Steps with the inverse of the old Hessian, whose Cholesky factor is `factor` (as of scipy's cho_factor); where they
    do not shrink the gradient, `minimise` from w.
    """
    now, norms = w, [np.inf]
    for _ in range(200):
        gradient = value_and_gradient(function, now)[1]
        norms.append(np.linalg.norm(gradient))
        if norms[-1] <= largest_gradient:
            return now
        if len(norms) > 4 and not norms[-1] < 0.8 * norms[-2]:
            break
        now = now - cho_solve(factor, gradient)
    return minimise(function, w, largest_gradient)
