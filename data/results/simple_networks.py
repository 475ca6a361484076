"""Random labels, evidence and batches: what networks memorise, what Bayes' rule says of it, and which batch is best.

Takes about ten minutes. On scikit-learn's digits: `memorised` (n of SIZES, 5 widths, 3 seeds, 3): best training
accuracy on random labels, the step that reached 1 (-1: none in 2,000) and the width; `truthful` (5 widths, 3 seeds,
3): the same on 1,000 true labels; `patient` (2 widths, 2 seeds, 3): the same on 1,000 random labels within 14,000
steps whose size falls to nothing; `noisy` (6 of NOISES, 3 splits, 7): accuracy on other digits of a network, its steps
to fit, and accuracies of its tangent kernel, the kernel of its last layer, 4,000 random units and a linear model, each
fitted as closely as it can, and of the tangent kernel with the ridge that leaves single digits out best. On MNIST's
zeros and ones, logistic regression on 800 images, 5 draws: `evidence` (2 true or random, 5, 15 of RIDGES, 4):
logarithm of the evidence over that of no model, the loss at its minimum, accuracies in training and on 2,115 test
images; `losses` (5, 15): mean test loss for true labels; `annealed` (2, 2 ridges, 3): logarithm of the evidence by
Laplace and by annealing, and its effective number of chains, one draw. Batches, on 500 digits with 30 % of random
labels: `hits` (5 of STEPS, 8, 30 times, 48 networks, 2): how many of 400 digits are read right, and of 400 others;
`runs_loss`: their training loss; `batches` (5, 8): the batches, each run for steps times step size 300. `smooth` (3
other splits of the digits, 5 of STEPS, largest batch and the smallest but one, 4 of WINDOWS, 48, 2): the same two
numbers for running averages that forget in so many units of time, at the time at which the first of them is largest.
"""

import itertools

import numpy as np
import torch
from scipy import special
from sklearn.datasets import load_digits

from helpers import data, results

SIZES, NOISES = (300, 1000), (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
WIDTHS = {300: (9, 13, 18, 27, 54), 1000: (16, 22, 31, 44, 89)}
TRUE_WIDTHS = (3, 5, 7, 10, 14)
RIDGES = np.geomspace(1e3, 1e-4, 15)
STEPS, TIME, NETWORKS = (0.1, 0.2, 0.4, 0.8, 1.6), 300, 48
LARGEST, WINDOWS = (16, 32, 64, 125, 250), (10, 20, 40, 80)


def digits():
    pixels, labels = load_digits(return_X_y=True)
    return pixels / 16, labels


def mixed(labels, share, rng):
    """Labels of which a share is drawn anew."""
    drawn = rng.permutation(len(labels))[: round(share * len(labels))]
    found = labels.copy()
    found[drawn] = rng.integers(10, size=len(drawn))
    return found


def fit(x, labels, width, rate, seed, most=2000, falling=False):
    """A network trained on all examples by Adam: best accuracy, the step that fits all (-1: none), the network."""
    torch.manual_seed(seed)
    network = torch.nn.Sequential(torch.nn.Linear(x.shape[1], width), torch.nn.ReLU(), torch.nn.Linear(width, 10))
    adam = torch.optim.Adam(network.parameters(), lr=rate)
    x, labels, best = torch.tensor(x, dtype=torch.float32), torch.tensor(labels), 0.0
    plan = torch.optim.lr_scheduler.CosineAnnealingLR(adam, most) if falling else None
    for step in range(most + 1):
        values = network(x)
        best = max(best, float((values.argmax(1) == labels).float().mean()))
        if best == 1:
            return best, step, network
        adam.zero_grad()
        torch.nn.functional.cross_entropy(values, labels).backward()
        adam.step()
        if falling:
            plan.step()
    return best, -1, network


def memorised(size, width, true):
    """Of `size` digits with random or true labels, for three seeds: best accuracy, the step that fits, width."""
    x, labels = labelled(size, true)
    return [(*fit(x, labels, width, 0.01, seed)[:2], width) for seed in range(3)]


def patient(width):
    x, labels = labelled(1000, False)
    return [(*fit(x, labels, width, 0.02, seed, 14_000, falling=True)[:2], width) for seed in (0, 1)]


def labelled(size, true):
    """The first digits of a random order, standardised, with their labels or with random ones."""
    x, truth = digits()
    even = (x - x.mean(axis=0)) / np.maximum(x.std(axis=0), 1e-9)
    order = np.random.default_rng(0).permutation(len(x))
    wrong = np.random.default_rng(1).integers(10, size=len(x))
    return even[order[:size]], truth[order[:size]] if true else wrong[:size]


def kernels(x, other):
    """Of the last layer of a wide ReLU network, and its tangent kernel, with a constant input."""
    x, other = (np.column_stack([rows, np.ones(len(rows))]) for rows in (x, other))
    lengths = np.outer(np.linalg.norm(other, axis=1), np.linalg.norm(x, axis=1))
    products = other @ x.T
    angle = np.arccos(np.clip(products / lengths, -1, 1))
    last = lengths * (np.sin(angle) + (np.pi - angle) * np.cos(angle)) / (2 * np.pi)
    return last, last + products * (np.pi - angle) / (2 * np.pi)


def noisy(share, seed):
    x, truth = digits()
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(x))
    train, test = order[:1000], order[1000:]
    labels = mixed(truth[train], share, rng)
    _, steps, network = fit(x[train], labels, 256, 0.003, seed)
    with torch.no_grad():
        guesses = network(torch.tensor(x[test], dtype=torch.float32)).argmax(1).numpy()
    found = [np.mean(guesses == truth[test]), steps]
    wanted = np.eye(10)[labels] - 0.1

    def accuracy(values):
        return np.mean(values.argmax(axis=1) == truth[test])

    for place in (1, 0):
        own, other = kernels(x[train], x[train])[place], kernels(x[train], x[test])[place]
        found.append(accuracy(other @ np.linalg.solve(own, wanted)))
    units = rng.normal(size=(65, 4000))
    features = [np.maximum(np.column_stack([rows, np.ones(len(rows))]) @ units, 0) for rows in (x[train], x[test])]
    found.append(accuracy(features[1] @ np.linalg.lstsq(features[0], wanted, rcond=None)[0]))
    plain = [np.column_stack([rows, np.ones(len(rows))]) for rows in (x[train], x[test])]
    found.append(accuracy(plain[1] @ np.linalg.lstsq(plain[0], wanted, rcond=None)[0]))
    values, vectors = np.linalg.eigh(kernels(x[train], x[train])[1])
    turned, best = vectors.T @ wanted, (np.inf, None)
    for ridge in np.geomspace(1e-4, 100, 61):
        left = (vectors * (ridge / (values + ridge))) @ turned  # residuals, and what each digit adds to its own value
        out = left / ((vectors**2) @ (ridge / (values + ridge)))[:, None]
        best = min(best, (np.sum(out**2), ridge))
    solved = vectors @ (turned / (values + best[1])[:, None])
    found.append(accuracy(kernels(x[train], x[test])[1] @ solved))
    return found


def zeros_and_ones(draw):
    """Training and test images with a constant, labels of ±1, and random labels."""
    images = data.mnist()
    rng = np.random.default_rng(draw)

    def binary(pixels, labels, kept):
        return np.column_stack([pixels[kept] / 255, np.ones(len(kept))]), np.where(labels[kept] == 1, 1.0, -1.0)

    rows = [rng.permutation(np.flatnonzero(images.train_y == digit))[:400] for digit in (0, 1)]
    x, y = binary(images.train_x, images.train_y, np.concatenate(rows))
    tests = binary(images.test_x, images.test_y, np.flatnonzero(images.test_y < 2))
    return x, y, *tests, rng.permutation(y)


def minimise(x, y, ridge, theta):
    """Newton's method for the sum of the losses and ridge/2 |θ|²: minimum, its loss, Hessian."""

    def loss(theta):
        return np.sum(np.logaddexp(0, -y * (x @ theta))) + ridge / 2 * theta @ theta

    for _ in range(200):
        wrong = special.expit(-y * (x @ theta))
        slope = -x.T @ (y * wrong) + ridge * theta
        hessian = (x.T * (wrong * (1 - wrong))) @ x + ridge * np.eye(len(theta))
        move = np.linalg.solve(hessian, slope)
        if slope @ move < 1e-10:
            return theta, loss(theta), hessian
        length = 1.0
        while loss(theta - length * move) > loss(theta) - 1e-4 * length * slope @ move:
            length /= 2
        theta = theta - length * move
    raise RuntimeError("Newton's method has not converged")


def evidence(draw):
    x, y, test_x, test_y, random = zeros_and_ones(draw)
    found, losses = np.empty((2, len(RIDGES), 4)), []
    for row, labels in enumerate((y, random)):
        theta = np.zeros(x.shape[1])
        for place, ridge in enumerate(RIDGES):
            theta, loss, hessian = minimise(x, labels, ridge, theta)
            occam = np.linalg.slogdet(hessian)[1] - len(theta) * np.log(ridge)
            margins = test_y * (test_x @ theta)
            right = np.mean(labels * (x @ theta) > 0), np.mean(margins > 0)
            found[row, place] = len(x) * np.log(2) - loss - occam / 2, loss, *right
            if row == 0:
                losses.append(np.mean(np.logaddexp(0, -margins)))
    return found, losses


def annealed(true, ridge, chains=64, temperatures=600):
    """Logarithm of the evidence by Laplace and by annealing from Laplace's Gaussian, and the effective chains."""
    x, right, _, _, random = zeros_and_ones(0)
    labels = right if true else random
    theta, loss, hessian = minimise(x, labels, ridge, np.zeros(x.shape[1]))
    root = np.linalg.inv(np.linalg.cholesky(hessian)).T
    laplace = -loss - (np.linalg.slogdet(hessian)[1] - len(theta) * np.log(ridge)) / 2
    rng = np.random.default_rng(0)
    u = rng.normal(size=(chains, len(theta)))

    def excess(u):
        """The logarithm of the posterior over that of the Gaussian, both one at the minimum."""
        weights = theta + u @ root.T
        losses = np.sum(np.logaddexp(0, -labels * (weights @ x.T)), axis=1) + ridge / 2 * np.sum(weights**2, axis=1)
        return loss - losses + np.sum(u**2, axis=1) / 2

    now, logs = excess(u), np.zeros(chains)
    heats = np.linspace(0, 1, temperatures + 1)
    size = 0.2
    for before, heat in zip(heats[:-1], heats[1:], strict=True):
        logs += (heat - before) * now
        for _ in range(3):
            proposed = np.sqrt(1 - size**2) * u + size * rng.normal(size=u.shape)
            there = excess(proposed)
            taken = np.log(rng.random(chains)) < heat * (there - now)
            u, now = np.where(taken[:, None], proposed, u), np.where(taken, there, now)
            size = np.clip(size * np.exp(0.1 * (taken.mean() - 0.4)), 0.01, 0.9)
    weights = np.exp(logs - logs.max())
    effective = weights.sum() ** 2 / np.sum(weights**2)
    return laplace, laplace + logs.max() + np.log(weights.mean()), effective


def batch_run(seed, step, batch):
    """Networks trained side by side: accuracies, losses (30 times, networks, 3); of averages (WINDOWS, networks, 2)."""
    x, truth = digits()
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(x))
    held, tests, pool = order[:400], order[400:800], order[800:]
    train = np.array([rng.permutation(pool)[:500] for _ in range(NETWORKS)])
    labels = np.array([mixed(truth[rows], 0.3, rng) for rows in train])
    x = torch.tensor(x, dtype=torch.float32)
    inputs, labels = x[train], torch.tensor(labels)
    torch.manual_seed(seed)
    weights = [torch.randn(NETWORKS, 64, 32) * (2 / 64) ** 0.5, torch.zeros(NETWORKS, 1, 32)]
    weights += [torch.randn(NETWORKS, 32, 10) * (2 / 32) ** 0.5, torch.zeros(NETWORKS, 1, 10)]
    weights = [weight.requires_grad_() for weight in weights]
    steps = round(TIME / step)
    marks = np.unique(np.geomspace(4, steps, 60).astype(int))
    marks = set(marks[np.linspace(0, len(marks) - 1, 30).round().astype(int)])

    def values(rows, weights):
        return torch.relu(rows @ weights[0] + weights[1]) @ weights[2] + weights[3]

    def accuracies(weights):
        """On the held-out digits and on the test digits (networks, 2)."""
        guesses = [values(x[rows].expand(NETWORKS, -1, -1), weights).argmax(2) for rows in (held, tests)]
        right = [guess == torch.tensor(truth[rows]) for guess, rows in zip(guesses, (held, tests), strict=True)]
        return torch.stack([one.float().mean(1) for one in right], dim=1)

    averaged = [[weight.detach().clone() for weight in weights] for _ in WINDOWS]
    found, smooth, each = [], [], torch.arange(NETWORKS)[:, None]
    for count in range(1, steps + 1):
        rows = torch.rand(NETWORKS, 500).argsort(1)[:, :batch]
        slope = torch.nn.functional.cross_entropy(
            values(inputs[each, rows], weights).flatten(0, 1), labels[each, rows].flatten(), reduction="sum"
        )
        slopes = torch.autograd.grad(slope / batch, weights)
        with torch.no_grad():
            for weight, change in zip(weights, slopes, strict=True):
                weight -= step * change
            for window, means in zip(WINDOWS, averaged, strict=True):
                for mean, weight in zip(means, weights, strict=True):
                    mean += step / window * (weight - mean)
            if count in marks:
                losses = torch.nn.functional.cross_entropy(
                    values(inputs, weights).swapaxes(1, 2), labels, reduction="none"
                )
                found.append(torch.column_stack([accuracies(weights), losses.mean(1)]))
                smooth.append(torch.stack([accuracies(means) for means in averaged]))
    smooth = torch.stack(smooth).numpy()  # (times, windows, networks, 2)
    best = smooth[..., :1].argmax(axis=0)
    return torch.stack(found).numpy(), np.take_along_axis(smooth, best[None], axis=0)[0]


def main():
    def grid(function, tasks, *shape):
        found = np.array(results.sweep(function, tasks))
        return found.reshape(*shape, *found.shape[1:])

    draws = results.sweep(evidence, [(draw,) for draw in range(5)])
    batches = np.array([np.maximum(1, np.round(top / 2 ** (np.arange(8) / 2))).astype(int) for top in LARGEST])
    pairs = [(step, int(batch)) for step, row in zip(STEPS, batches, strict=True) for batch in row]
    runs = results.sweep(batch_run, [(0, *pair) for pair in pairs])
    curves = np.array([curve for curve, _ in runs]).reshape(*batches.shape, 30, NETWORKS, 3)
    few = [
        (seed, step, int(row[k]))
        for seed in (1, 2, 3)
        for step, row in zip(STEPS, batches, strict=True)
        for k in (0, 6)
    ]
    smooth = np.array([best for _, best in results.sweep(batch_run, few)])
    images = data.mnist()
    results.save(
        "simple_networks",
        (*load_digits(return_X_y=True), images.train_x, images.test_x),
        memorised=grid(memorised, [(size, width, False) for size in SIZES for width in WIDTHS[size]], len(SIZES), 5),
        truthful=grid(memorised, [(1000, width, True) for width in TRUE_WIDTHS], len(TRUE_WIDTHS)),
        patient=grid(patient, [(20,), (22,)], 2),
        noisy=grid(noisy, itertools.product(NOISES, range(3)), len(NOISES), 3),
        evidence=np.array([found for found, _ in draws]).swapaxes(0, 1),
        losses=np.array([losses for _, losses in draws]),
        annealed=grid(annealed, itertools.product((True, False), (10.0, 0.3)), 2, 2),
        batches=batches,
        hits=np.round(400 * curves[..., :2]).astype(np.uint16),
        runs_loss=curves[..., 2].astype(np.float16),
        smooth=np.round(400 * smooth.reshape(3, len(STEPS), 2, *smooth.shape[1:])).astype(np.uint16),
    )


if __name__ == "__main__":
    main()
