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


def without_each(seed, ridge):
    """The minimum from one start, and what `leave_one_out` finds there."""
    weights = from_start(seed, ridge)
    return weights, *leave_one_out(weights, ridge)


def put_back(i, weights):
    """The minimum on all digits, from weights without digit i."""
    return network.minimise(without(None), weights[i], 1e-10)


def stopped_early():
    settings = {"maxiter": 60, "maxcor": 30}
    begin = network.start(np.random.default_rng(0))
    return minimize(
        lambda w: network.value_and_gradient(without(None), w), begin, jac=True, method="L-BFGS-B", options=settings
    ).x


def continued(i, stopped, tests):
    """Changes of the test losses by more steps of Adam without example i, from where training stopped."""
    w, function = torch.tensor(stopped, requires_grad=True), without(i)
    optimiser = torch.optim.Adam([w], lr=1e-3)
    for _ in range(ADAM_STEPS):
        optimiser.zero_grad()
        function(w).backward()
        optimiser.step()
    return test_losses(w.detach().numpy(), tests) - test_losses(stopped, tests)


def proximal_bregman(i, stopped, tests, factor):
    """The same by pushing i down while predictions and weights stay near the stopped network's (Bae et al. 2022)."""
    log_p = torch.log_softmax(network.logits(torch.tensor(stopped), x), dim=1)
    anchor = torch.tensor(stopped)

    def function(w):
        log_q = torch.log_softmax(network.logits(w, x), dim=1)
        divergence = torch.sum(log_p.exp() * (log_p - log_q), dim=1).mean()
        removed = network.cross_entropies(w, x[[i]], y[[i]])[0] + RIDGE / 2 * (w @ w)
        return divergence + (DAMPING + RIDGE) / 2 * torch.sum((w - anchor) ** 2) - removed / N

    return test_losses(network.retrain(function, stopped, factor, 1e-8), tests) - test_losses(stopped, tests)


def main():
    seed_weights = np.array(results.sweep(from_start, [(seed, RIDGE) for seed in range(5)]))
    names = {"": (0, RIDGE), "_seed_1": (1, RIDGE), "_seed_2": (2, RIDGE), "_ridge_3": (0, 0.03), "_ridge_10": (0, 0.1)}
    stored = {}
    for name, found in zip(names, results.sweep(without_each, names.values()), strict=True):
        weights, worst, change, retrained = found
        stored |= {f"weights{name}": weights, f"worst{name}": worst, f"change{name}": change}
        stored[f"moved{name}"] = np.linalg.norm(retrained - weights, axis=1)
        if not name:
            first, gone = weights, retrained
    # Put back the ten whose removal moved the weights most.
    most_moved = np.argsort(-stored["moved"])[:10]
    returned = np.array(results.sweep(put_back, [(int(i),) for i in most_moved], gone))

    stopped = stopped_early()
    tests = np.argsort(-test_losses(stopped))[:20]
    gradients = network.gradients(stopped, x, y, RIDGE)
    toward = network.gradients(stopped, test_x[tests[:1]], test_y[tests[:1]], RIDGE)
    damped = network.hessian(without(None), stopped) + DAMPING * np.eye(640)
    order = np.argsort(-np.abs(gradients @ np.linalg.solve(damped, toward[0])))
    chosen = np.concatenate([order[:30], np.random.default_rng(0).choice(order[30:], size=30, replace=False)])
    factor = cho_factor(network.gauss_newton(stopped, x) + (DAMPING + RIDGE) * np.eye(640))
    digits_left_out = [(int(i),) for i in chosen]
    *of_chosen, control = results.sweep(continued, [*digits_left_out, (None,)], stopped, tests)
    results.save(
        "network_leave_one_out",
        [digits.train_x[:N], digits.train_y[:N]],
        most_moved=most_moved,
        gone=gone[most_moved],
        put_back=returned,
        returned=np.linalg.norm(returned - first, axis=1),
        stopped=stopped,
        stopped_worst=tests,
        chosen=chosen,
        damping=DAMPING,
        continued=np.array(of_chosen).T,
        control=control,
        bregman=np.array(results.sweep(proximal_bregman, digits_left_out, stopped, tests, factor)).T,
        seed_weights=seed_weights,
        seeds=np.array([test_losses(w) for w in seed_weights]),
        **stored,
    )


if __name__ == "__main__":
    main()
