"""How far networks of finite width are from their infinitely wide limit: the counts of lecture 3_5.

Takes about two minutes. Fifty inputs on the sphere in ten dimensions, three data sets, unless said otherwise. Stores
`deviation` (2 labels, 3 sets, 5 widths, 4 starts, 8): log loss at step 80 above the line and its three shares, start,
drift and kinks, then the pairs that ended otherwise, the largest move, the smallest eigenvalue at start and end;
`kinks_by_step` (3 sets, 4 starts, 2): the share of the kinks at width 500, step whole and a quarter; `late` (4 widths,
3 sets, 4 starts, 8): the rate of 200 late steps, of the matrix at the end, of the effective one, then the gliding
pairs, units with one, their share of all switches, and the shares of gliding and other pairs that are driven back from
both sides; `broken` (3 sets, 6 widths, 20 starts, 2): first of 1,500 steps at
which the bound is broken, 0 for none, and whether the last 200 were slower than it;
`labels` (3 sets, 16 labels, 3): steps to 1 % of the loss, predicted steps, y'H^-1 y; `tasks` (4 tasks, 7 sizes, 8
sets, 7): steps, test error of the network, of the kernel after as many steps, at its end and at its best ridge, their
distance, pairs that ended otherwise, for 100 inputs.
"""

import numpy as np

from helpers import results

WIDTHS = (50, 150, 500, 1500, 5000)
LATE_WIDTHS = (50, 150, 500, 1500)
BOUND_WIDTHS = (10, 20, 30, 50, 80, 150)
SIZES = ((50, 1), (1000, 1), (1000, 0.3), (1000, 0.1), (1000, 0.03), (1000, 0.01), (100, 0.1 / np.sqrt(10)))
RIDGES = 10.0 ** np.arange(-4, 2)


def on_sphere(rng, n, d):
    x = rng.normal(size=(n, d))
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def limit(x, z):
    cosine = np.clip(x @ z.T, -1, 1)
    return cosine * (np.pi - np.arccos(cosine)) / (2 * np.pi)


def problem(seed):
    """Inputs, random labels, labels of one ReLU of equal size, the limit matrix and the step 1/largest eigenvalue."""
    rng = np.random.default_rng(seed)
    x = on_sphere(rng, 50, 10)
    noise = rng.normal(size=50)
    truth = np.maximum(x @ rng.normal(size=10), 0)
    truth *= np.linalg.norm(noise) / np.linalg.norm(truth)
    matrix = limit(x, x)
    return x, noise, truth, matrix, 1 / np.linalg.eigvalsh(matrix)[-1]


def start(seed, m, d, scale=1.0):
    """Pairs of equal units with opposite output weights: the network starts at zero."""
    half = scale * np.random.default_rng(seed).normal(size=(m // 2, d))
    return np.concatenate([half, half]), np.repeat([1.0, -1.0], m // 2)


def steps_of(w, a, x, y, step):
    """The weights, residual and firing pattern of each step, for ever."""
    root = np.sqrt(len(w))
    while True:
        before = x @ w.T
        residual = np.maximum(before, 0) @ a / root - y
        yield w, residual, before > 0
        w = w - step / root * ((before > 0) * residual[:, None] * a).T @ x


def train(w, a, x, y, step, most, share=0.0):
    """Squared residuals, (steps,), until their share of the first one, and the last weights."""
    squares = []
    for now, residual, _ in steps_of(w, a, x, y, step):
        squares.append(residual @ residual)
        if len(squares) > most or squares[-1] < share * squares[0]:
            return np.array(squares), now


def gram(firing, x):
    return x @ x.T * (firing.astype(float) @ firing.T) / firing.shape[1]


def deviation(x, y, matrix, step, seed, m, steps=80):
    w, a = start(seed, m, x.shape[1])
    frozen = drifting = wide = y
    for number, (now, residual, firing) in enumerate(steps_of(w, a, x, y, step)):
        current = gram(firing, x)
        if number == 0:
            first, first_firing = current, firing
        if number == steps:
            logs = [np.log(r @ r) for r in (wide, frozen, drifting, residual)]
            move = np.linalg.norm(now - w, axis=1).max()
            smallest = [np.linalg.eigvalsh(g)[0] for g in (first, current)]
            return [logs[3] - logs[0], *np.diff(logs), np.mean(firing != first_firing), move, *smallest]
        wide = wide - step * matrix @ wide
        frozen = frozen - step * first @ frozen
        drifting = drifting - step * current @ drifting


def late(x, y, step, seed, m, steps=900, last=200):
    w, a = start(seed, m, x.shape[1])
    switches, squares, before = np.zeros((len(x), m), int), [], None
    for number, (_, residual, firing) in enumerate(steps_of(w, a, x, y, step)):
        squares.append(residual @ residual)
        if number > steps - last:
            switches += firing != before
        if number == steps:
            break
        before = firing
    gliding = switches >= 3
    effective = np.zeros((len(x), len(x)))
    for unit in range(m):
        seen = x * (firing[:, unit] & ~gliding[:, unit])[:, None]
        basis = np.linalg.qr(x[gliding[:, unit]].T)[0]
        seen = seen - seen @ basis @ basis.T
        effective += seen @ seen.T / m
    without = -(x @ x.T @ (firing * residual[:, None]) - firing * residual[:, None]) * a
    driven_back = (without > 0) & (without - residual[:, None] * a < 0)
    rates = [(1 - step * np.linalg.eigvalsh(g)[0]) ** 2 for g in (gram(firing, x), effective)]
    shares = gliding.mean(), gliding.any(axis=0).mean(), switches[gliding].sum() / switches.sum()
    return [(squares[-1] / squares[-1 - last]) ** (1 / last), *rates, *shares] + [
        driven_back[pairs].mean() for pairs in (gliding, ~gliding)
    ]


def first_broken(x, y, matrix, step, seed, m, steps=1500, last=200):
    squares, _ = train(*start(seed, m, x.shape[1]), x, y, step, steps)
    bound = squares[0] * (1 - step * np.linalg.eigvalsh(matrix)[0] / 2) ** np.arange(len(squares))
    first = np.argmax(squares > bound * (1 + 1e-9))
    return first, (squares[-1] / squares[-1 - last]) ** (1 / last) > bound[1] / bound[0]


def label_vectors(seed, x, matrix):
    rng = np.random.default_rng(100 + seed)
    first, second = (x @ rng.normal(size=(10, 2))).T
    signs = np.sign(first)
    found = [first, np.maximum(first, 0), signs, first**2, np.sign(first * second), first**3]
    for share in (0.1, 0.25, 0.5):
        flipped = signs.copy()
        flipped[rng.permutation(50)[: int(50 * share)]] *= -1
        found.append(flipped)
    found += [*rng.normal(size=(4, 50)), rng.choice([-1.0, 1.0], 50)]
    vectors = np.linalg.eigh(matrix)[1]
    return [np.sqrt(50) * y / np.linalg.norm(y) for y in (*found, vectors[:, 0], vectors[:, -1])]


def steps_to_percent(x, y, matrix, step):
    measured = len(train(*start(7, 4000, x.shape[1]), x, y, step, 400, 0.01)[0]) - 1
    residual, predicted = y, 0
    while residual @ residual >= 0.01 * (y @ y):
        residual, predicted = residual - step * matrix @ residual, predicted + 1
    return measured, predicted, y @ np.linalg.solve(matrix, y)


def against_kernel(task, seed, m, scale):
    rng = np.random.default_rng(200 + seed)
    x, z, teachers = on_sphere(rng, 100, 10), on_sphere(rng, 1000, 10), on_sphere(rng, 5, 10)

    def labels(inputs):
        outputs = inputs @ teachers.T
        if task == 0:
            return np.maximum(outputs[:, 0], 0)
        if task == 1:
            return np.maximum(outputs, 0) @ np.array([1, -1, 1, -1, 1])
        return np.sign(outputs[:, 0] * outputs[:, 1]) if task == 2 else rng.normal(size=len(inputs))

    y, truth, matrix, across = labels(x), labels(z), limit(x, x), limit(z, x)
    values, vectors = np.linalg.eigh(matrix)
    w, a = start(1000 + seed, m, 10, scale)
    squares, end = train(w, a, x, y, 1 / values[-1], 4000, 1e-3)
    weights = (1 - (1 - values / values[-1]) ** (len(squares) - 1)) / values
    network = np.maximum(z @ end.T, 0) @ a / np.sqrt(m)
    kernels = [across @ vectors @ (w * (vectors.T @ y)) for w in (weights, 1 / values)]
    ridges = [across @ vectors @ (vectors.T @ y / (values + ridge)) for ridge in RIDGES]

    def error(outputs):
        return np.mean((outputs - truth) ** 2) / np.mean(truth**2)

    best = min(error(outputs) for outputs in ridges)
    distance = np.linalg.norm(network - kernels[0]) / np.linalg.norm(kernels[0])
    other = np.mean((x @ w.T > 0) != (x @ end.T > 0))
    return [len(squares) - 1, error(network), error(kernels[0]), error(kernels[1]), best, distance, other]


SETS = [problem(seed) for seed in range(3)]
SEEDS = range(4)


def deviations(labels, m):
    """Of random labels (1) or those of one ReLU (2), (3 sets, 4 starts, 8)."""
    return [[deviation(s[0], s[labels], *s[3:], seed, m) for seed in SEEDS] for s in SETS]


def kinks(x, noise, matrix, step):
    """The kinks' share at width 500 with the step whole and a quarter of it, (4 starts, 2)."""
    return [[deviation(x, noise, matrix, step / k, seed, 500, 80 * k)[3] for k in (1, 4)] for seed in SEEDS]


def labels_of(number):
    x, _, _, matrix, step = SETS[number]
    return [steps_to_percent(x, y, matrix, step) for y in label_vectors(number, x, matrix)]


results.save(
    "wide_networks",
    [np.array(WIDTHS), np.array(SIZES)],
    deviation=np.swapaxes([[deviations(labels, m) for m in WIDTHS] for labels in (1, 2)], 1, 2),
    kinks_by_step=np.array([kinks(x, noise, *rest) for x, noise, _, *rest in SETS]),
    late=np.array([[[late(s[0], s[1], s[4], seed, m) for seed in SEEDS] for s in SETS] for m in LATE_WIDTHS]),
    broken=np.array(
        [[[first_broken(s[0], s[1], *s[3:], k, m) for k in range(20)] for m in BOUND_WIDTHS] for s in SETS]
    ),
    labels=np.array([labels_of(number) for number in range(3)]),
    tasks=np.array([[[against_kernel(task, k, *size) for k in range(8)] for size in SIZES] for task in range(4)]),
)
