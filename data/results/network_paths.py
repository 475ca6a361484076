"""What happens to a network's minimum while one digit loses its weight: paths and Newton steps for lecture 2_8.

Takes about eighteen minutes. For the ten digits whose removal moved the weights most, and for ten controls (evenly
spaced in the nine tenths of smaller predicted movement), the minimum is followed as the digit's weight goes from 1 to
0, with steps that are halved where it is lost, down to 1/1280. Stores, for each of the 20 digits, at the weights that
were reached: how far the minimum has moved, the smallest eigenvalue, and the largest 20 test losses; the weight at
which it was lost (nan: never); what the ten controls do when they are put back. For all 300 digits the changes of the
test losses by one Newton step without the digit, and the smallest eigenvalue of that Hessian.
"""

import numpy as np
import torch

from helpers import data, network, results

N, RIDGE, SMALLEST_STEP = 300, 0.01, 1 / 1280

digits = data.digits()
x, y = torch.tensor(digits.train_x[:N]), torch.tensor(digits.train_y[:N])
test_x, test_y = torch.tensor(digits.test_x), torch.tensor(digits.test_y)
inputs = [digits.train_x[:N], digits.train_y[:N]]
saved = results.load("network_leave_one_out", inputs)
home, worst = saved["weights"], saved["worst"]


def objective(i=None, weight=1.0):
    """The objective with example i counted `weight` times."""
    keep = torch.ones(N, dtype=torch.float64)
    if i is not None:
        keep[i] = weight
    return lambda w: network.objective(w, x, y, RIDGE, keep)


def test_losses(w, which=slice(None)):
    return network.cross_entropies(torch.tensor(w), test_x[which], test_y[which]).numpy()


def settle(function, w, values, vectors):
    """The minimum near w by steps with an old Hessian, and its own Hessian's eigenvalues; None if it is lost."""
    start = w
    for _ in range(100):
        gradient = network.value_and_gradient(function, w)[1]
        size = np.linalg.norm(gradient)
        if size < 1e-10:
            values, vectors = np.linalg.eigh(network.hessian(function, w))
            return (w, values, vectors) if values[0] > 0 else None
        w = w - vectors @ ((vectors.T @ gradient) / values)
        if not np.linalg.norm(w - start) < 0.3:
            return None
    return None


def follow(i):
    """Weights (of the digit), movements, smallest eigenvalues, test losses along the path; where it is lost."""
    weight, w, step = 1.0, home, 0.05
    found = home, *np.linalg.eigh(network.hessian(objective(), home))
    rows = []
    while True:
        w, values, vectors = found
        rows.append([weight, np.linalg.norm(w - home), values[0], *test_losses(w, worst)])
        if weight == 0:
            return np.array(rows), np.nan
        slope = vectors @ ((vectors.T @ network.gradients(w, x[[i]], y[[i]], RIDGE)[0]) / values) / N
        found = None
        while found is None:
            if step < SMALLEST_STEP:
                return np.array(rows), weight
            now = max(weight - step, 0.0)
            found = settle(objective(i, now), w + (weight - now) * slope, values, vectors)
            if found is None:
                step /= 2
        weight = now


def newton(start, end):
    """For each of these digits: changes of the test losses by a Newton step without it, the smallest eigenvalue."""
    hessian, gradients = network.hessian(objective(), home), network.gradients(home, x, y, RIDGE)
    toward = network.gradients(home, test_x[worst], test_y[worst], 0.0)
    found = []
    for i in range(start, end):
        one, keep = (x[[i]], y[[i]]), torch.ones(1, dtype=torch.float64)
        own = network.hessian(lambda v, one=one, keep=keep: network.objective(v, *one, RIDGE, keep), home) / N
        values, vectors = np.linalg.eigh(hessian - own)
        found.append([*(toward @ vectors / values) @ (vectors.T @ gradients[i]) / N, values[0]])
    return found


def put_back(i):
    gone = network.minimise(objective(i, 0.0), home, 1e-10)
    return test_losses(network.minimise(objective(), gone, 1e-10)) - test_losses(home)


def main():
    steps = np.concatenate(results.sweep(newton, [(first, first + 20) for first in range(0, N, 20)])).T
    gradients = network.gradients(home, x, y, RIDGE)
    predicted = np.linalg.norm(np.linalg.solve(network.hessian(objective(), home), gradients.T), axis=0)
    controls = np.argsort(predicted)[np.linspace(0, 269, 10).astype(int)]
    followed = np.concatenate([saved["most_moved"], controls])
    paths, lost = zip(*results.sweep(follow, [(int(i),) for i in followed]), strict=True)
    longest = max(len(path) for path in paths)
    padded = [np.pad(path, ((0, longest - len(path)), (0, 0)), constant_values=np.nan) for path in paths]
    results.save(
        "network_paths",
        inputs,
        newton=steps[:-1],
        lowest=steps[-1],
        followed=followed,
        paths=np.array(padded),
        lost=np.array(lost),
        controls_put_back=np.array(results.sweep(put_back, [(int(i),) for i in controls])),
    )


if __name__ == "__main__":
    main()
