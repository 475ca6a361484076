"""A converged network and one that was stopped early, retrained without each example: the truth of lecture 2_8.

Takes about fifty minutes. Stores, for 300 digits and a ridge of 0.01: the converged weights, the changes of the 20
largest test losses when each example is left out, how far the weights moved, and the weights without each of the ten
that moved them most, and after putting it back; the weights after 60 steps of L-BFGS, the same changes after 150 more
steps of Adam without each of 60 examples, those of a control run without removal, and those of the proximal Bregman
problem; and weights from five initial ones. For two of these, and for two stronger ridges, the weights, the changes and
the movements once more.
"""

import numpy as np
import torch
from scipy.linalg import cho_factor
from scipy.optimize import minimize

from helpers import data, network, results

N, RIDGE, DAMPING, ADAM_STEPS = 300, 0.01, 0.03, 150

digits = data.digits()
x, y = torch.tensor(digits.train_x[:N]), torch.tensor(digits.train_y[:N])
test_x, test_y = torch.tensor(digits.test_x), torch.tensor(digits.test_y)


def test_losses(w, which=slice(None)):
    return network.cross_entropies(torch.tensor(w), test_x[which], test_y[which]).numpy()


def without(i, ridge=RIDGE):
    """The objective without example i; None leaves nothing out."""
    keep = torch.ones(N, dtype=torch.float64)
    if i is not None:
        keep[i] = 0
    return lambda w: network.objective(w, x, y, ridge, keep)


def from_start(seed, ridge=RIDGE):
    return network.minimise(without(None, ridge), network.start(np.random.default_rng(seed)), 1e-12)


def leave_one_out(weights, ridge=RIDGE):
    """The 20 largest test losses, their changes without each example, and all retrained weights."""
    worst = np.argsort(-test_losses(weights))[:20]
    factor = cho_factor(network.hessian(without(None, ridge), weights))
    retrained = np.array([network.retrain(without(i, ridge), weights, factor, 1e-10) for i in range(N)])
    change = np.array([test_losses(w, worst) - test_losses(weights, worst) for w in retrained]).T
    return worst, change, retrained


seed_weights = np.array([from_start(seed) for seed in range(5)])
weights = seed_weights[0]
worst, change, retrained = leave_one_out(weights)
moved = np.linalg.norm(retrained - weights, axis=1)
# Put back the ten whose removal moved the weights most.
most_moved = np.argsort(-moved)[:10]
put_back = np.array([network.minimise(without(None), retrained[i], 1e-10) for i in most_moved])
others = {}
for name, seed, ridge in (("seed_1", 1, RIDGE), ("seed_2", 2, RIDGE), ("ridge_3", 0, 0.03), ("ridge_10", 0, 0.1)):
    other = seed_weights[seed] if ridge == RIDGE else from_start(seed, ridge)
    other_worst, other_change, other_retrained = leave_one_out(other, ridge)
    others |= {f"weights_{name}": other, f"worst_{name}": other_worst, f"change_{name}": other_change}
    others[f"moved_{name}"] = np.linalg.norm(other_retrained - other, axis=1)

settings = {"maxiter": 60, "maxcor": 30}
begin = network.start(np.random.default_rng(0))
stopped = minimize(
    lambda w: network.value_and_gradient(without(None), w), begin, jac=True, method="L-BFGS-B", options=settings
).x
stopped_worst = np.argsort(-test_losses(stopped))[:20]
gradients = network.gradients(stopped, x, y, RIDGE)
toward = network.gradients(stopped, test_x[stopped_worst[:1]], test_y[stopped_worst[:1]], RIDGE)
size = np.abs(gradients @ np.linalg.solve(network.hessian(without(None), stopped) + DAMPING * np.eye(640), toward[0]))
order = np.argsort(-size)
chosen = np.concatenate([order[:30], np.random.default_rng(0).choice(order[30:], size=30, replace=False)])


def adam(function):
    """Weights after more steps from where training stopped."""
    w = torch.tensor(stopped, requires_grad=True)
    optimiser = torch.optim.Adam([w], lr=1e-3)
    for _ in range(ADAM_STEPS):
        optimiser.zero_grad()
        function(w).backward()
        optimiser.step()
    return w.detach().numpy()


def proximal_bregman(i):
    """Push example i down while predictions and weights stay near those of the stopped network (Bae et al. 2022)."""
    log_p = torch.log_softmax(network.logits(torch.tensor(stopped), x), dim=1)
    anchor = torch.tensor(stopped)

    def function(w):
        log_q = torch.log_softmax(network.logits(w, x), dim=1)
        divergence = torch.sum(log_p.exp() * (log_p - log_q), dim=1).mean()
        removed = network.cross_entropies(w, x[[i]], y[[i]])[0] + RIDGE / 2 * (w @ w)
        return divergence + (DAMPING + RIDGE) / 2 * torch.sum((w - anchor) ** 2) - removed / N

    return function


def changes(functions, solve):
    before = test_losses(stopped, stopped_worst)
    return np.array([test_losses(solve(function), stopped_worst) - before for function in functions]).T


bregman_factor = cho_factor(network.gauss_newton(stopped, x) + (DAMPING + RIDGE) * np.eye(640))
results.save(
    "network_leave_one_out",
    [digits.train_x[:N], digits.train_y[:N]],
    weights=weights,
    worst=worst,
    change=change,
    moved=moved,
    most_moved=most_moved,
    gone=retrained[most_moved],
    put_back=put_back,
    returned=np.linalg.norm(put_back - weights, axis=1),
    stopped=stopped,
    stopped_worst=stopped_worst,
    chosen=chosen,
    damping=DAMPING,
    continued=changes([without(i) for i in chosen], adam),
    control=changes([without(None)], adam)[:, 0],
    bregman=changes(
        [proximal_bregman(i) for i in chosen],
        lambda function: network.retrain(function, stopped, bregman_factor, 1e-8),
    ),
    seed_weights=seed_weights,
    seeds=np.array([test_losses(w) for w in seed_weights]),
    **others,
)
