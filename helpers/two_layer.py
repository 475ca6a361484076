"""Two-layer networks of ReLU units on Gaussian inputs, without samples: the model of part 3.

A network with unit output weights is f(x) = sum_i relu(v_i . x), its rows v_i (k, d) called V; the teacher's rows are U
(m, d). For x ~ N(0, I) the expectation over inputs has a closed form, and everything here is that of the half loss

    L(V) = 1/2 E (sum_i relu(v_i . x) - sum_j relu(u_j . x))².

Leading axes of V are a batch of networks, (..., k, d); then U is one teacher for all, or one for each, (..., m, d).
"""

import numpy as np

from helpers import arguments


def kernel(v, u):
    """E relu(v_i . x) relu(u_j . x), (..., k, m), for rows v (..., k, d) and u (m, d) or (..., m, d).

    Derived in 3_1, eq. 3.1.2.
    """
    v, u = _rows("v", v), _rows("u", u)
    _same_width("v", v, "u", u)
    sine, cosine, lengths, others = _angles(v, u)
    shape = sine + (np.pi - np.arccos(cosine)) * cosine
    return lengths[..., :, None] * others[..., None, :] * shape / (2 * np.pi)


def loss(v, u):
    """The half loss of each network, (...). Derived in 3_1, eq. 3.1.4.

    A difference of large sums: near 0 it has an error of about 1e-13.
    """
    v, u = _network(v, u)
    sums = [np.sum(kernel(a, b), axis=(-2, -1)) for a, b in ((v, v), (v, u), (u, u))]
    return 0.5 * sums[0] - sums[1] + 0.5 * sums[2]


def gradient(v, u):
    """The gradient of the half loss, (..., k, d), by a few matrix products. Derived in 3_1, eq. 3.1.5."""
    v, u = _network(v, u)
    return _gradient(v, u)


def hessian(v, u):
    """The Hessian of the half loss of one network, (k d, k d), in the order of `v.ravel()`. Derived in 3_1, section 7.

    Where two rows are parallel the direction between them is not defined; its term is 0 there when the angle is 0, and
    the loss has no Hessian where a unit is opposite to another unit or to a row of u.
    """
    v, u = _network(v, u)
    if v.ndim != 2:
        raise ValueError(f"v: got shape {v.shape}; want (any, any), one network")
    k, d = v.shape
    out = np.zeros((k, d, k, d))
    for i in range(k):
        out[i, :, i] = np.eye(d) / 2 - sum(_bend(v[i], other) for other in u)
        for j in range(k):
            if j != i:
                out[i, :, i] += _bend(v[i], v[j])
                out[i, :, j] = _coupling(v[i], v[j])
    return out.reshape(k * d, k * d)


def descend(v, u, step, largest_gradient, most_steps):
    """Gradient descent on a batch of networks v (runs, k, d), each until no row of its gradient is longer than asked.

    Returns the networks, and the number of steps that each one took; `most_steps` + 1 for those that have not arrived.
    Runs that have arrived are dropped from the batch, so that a few stragglers cost little. Raises ArithmeticError
    where the step is so large that a run diverges.
    """
    v, u = _network(v, u)
    if v.ndim != 3:
        raise ValueError(f"v: got shape {v.shape}; want (any, any, any), a batch of networks")
    step, largest_gradient = arguments.positive("step", step), arguments.positive("largest_gradient", largest_gradient)
    most_steps = arguments.index("most_steps", most_steps, 10_000_001)
    out, steps = v.copy(), np.full(len(v), most_steps + 1)
    running, moving, teachers = np.arange(len(v)), v.copy(), np.broadcast_to(u, (len(v), *u.shape[-2:]))
    for number in range(most_steps + 1):
        with np.errstate(over="ignore", invalid="ignore"):  # a run that diverges is noticed at the end
            slope = _gradient(moving, teachers)
        arrived = np.max(np.linalg.norm(slope, axis=-1), axis=-1) <= largest_gradient
        if np.any(arrived):
            out[running[arrived]], steps[running[arrived]] = moving[arrived], number
            running, moving, slope = running[~arrived], moving[~arrived], slope[~arrived]
            teachers = teachers[~arrived]
            if len(running) == 0:
                break
        if number < most_steps:
            moving = moving - step * slope
    out[running] = moving
    if not np.all(np.isfinite(out)):
        raise ArithmeticError(f"descent diverged; take a step below {step:g}")
    return out, steps


def potential(v, u):
    """g = sum_j ‖u_j‖ - sum_i ‖v_i‖, (...): how much length the network lacks. Lecture 3_4, eq. 3.4.4."""
    v, u = _network(v, u)
    return np.linalg.norm(u, axis=-1).sum(axis=-1) - np.linalg.norm(v, axis=-1).sum(axis=-1)


def one_point_ratio(v, u):
    """<-∇L(V), U - V> / ‖U - V‖², (...): above 0 where a small step brings the network nearer to U."""
    v, u = _network(v, u)
    if v.shape[-2:] != u.shape[-2:]:
        raise ValueError(f"u: got shape {u.shape}; want {v.shape[-2:]}, that of one network")
    away = u - v
    squares = np.sum(away**2, axis=(-2, -1))
    if np.any(squares == 0):
        raise ValueError("v: got a network that equals u; want another one, as the ratio is 0/0 there")
    return -np.sum(_gradient(v, u) * away, axis=(-2, -1)) / squares


def _rows(name, value):
    """Finite rows, none of them 0: its direction, and with it the gradient, would not be defined."""
    axes = max(arguments.axes(value) or 0, 2)  # what is no array at all is told in the next line
    value = arguments.array(name, value, (None,) * axes)
    sizes = np.max(np.abs(value), axis=-1)
    if np.any(sizes < arguments.SMALLEST_NUMBER):
        place = tuple(int(i) for i in np.argwhere(sizes < arguments.SMALLEST_NUMBER)[0])
        raise ValueError(f"{name}: got a row of zeros at index {place}; want rows with a direction")
    return value


def _same_width(name, v, other, u):
    if v.shape[-1] != u.shape[-1]:
        raise ValueError(f"{other}: got rows of {u.shape[-1]} numbers; want {v.shape[-1]}, as in {name}")


def _network(v, u):
    v, u = _rows("v", v), _rows("u", u)
    if u.ndim != 2 and u.shape[:-2] != v.shape[:-2]:
        raise ValueError(f"u: got shape {u.shape}; want (any, any), one teacher, or one for each of v {v.shape}")
    _same_width("v", v, "u", u)
    return v, u


def _angles(v, u):
    """Sines and cosines of the angles between all rows, (..., k, m), and the lengths of both."""
    lengths, others = np.linalg.norm(v, axis=-1), np.linalg.norm(u, axis=-1)
    cosine = (v / lengths[..., None]) @ np.swapaxes(u / others[..., None], -1, -2)
    cosine = np.clip(cosine, -1, 1)
    return np.sqrt(1 - cosine**2), cosine, lengths, others


def _gradient(v, u):
    sine, cosine, lengths, _ = _angles(v, v)
    sine_u, cosine_u, _, lengths_u = _angles(v, u)
    along = ((sine @ lengths[..., None]) - sine_u @ lengths_u[..., None])[..., 0] / lengths
    turned = (np.pi - np.arccos(cosine)) @ v - (np.pi - np.arccos(cosine_u)) @ u
    return (along[..., None] * v + turned) / (2 * np.pi)


def _normals(v, u):
    """Sine and angle of two vectors, their unit vectors, and in their plane the normal to each, towards the other."""
    a, b = v / np.linalg.norm(v), u / np.linalg.norm(u)
    cosine = np.clip(a @ b, -1, 1)
    sine = np.linalg.norm(b - cosine * a)
    if sine == 0:
        return 0.0, np.arccos(cosine), a, b, np.zeros_like(a), np.zeros_like(a)
    return sine, np.arctan2(sine, cosine), a, b, (b - cosine * a) / sine, (a - cosine * b) / sine


def _bend(v, u):
    """Second derivative of the kernel by v, (d, d)."""
    sine, _, a, _, normal, _ = _normals(v, u)
    flat = np.eye(len(v)) - np.outer(a, a) + np.outer(normal, normal)
    return np.linalg.norm(u) / np.linalg.norm(v) * sine * flat / (2 * np.pi)


def _coupling(v, u):
    """Derivative of the kernel by v and then by u, (d, d)."""
    sine, angle, a, b, normal, other = _normals(v, u)
    return ((np.pi - angle) * np.eye(len(v)) + sine * (np.outer(a, b) + np.outer(normal, other))) / (2 * np.pi)
