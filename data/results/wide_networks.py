"""How far networks of finite width are from their infinitely wide limit: the counts of lecture 3_5.

Takes about three minutes on two cores. Fifty inputs on the sphere in ten dimensions, three data sets, unless said
otherwise. Stores
`deviation` (2 labels, 3 sets, 5 widths, 4 starts, 17): log loss at step 80 above the line and its three shares, start,
drift and kinks, then the drift by eigenvalues and by eigenvectors alone, the pairs that ended otherwise, the largest
move, the smallest eigenvalue at start and end, what drift costs other random labels, the drift taken before the start,
the share of steps at which the matrix falls along the residual, and along other labels, what drift by eigenvectors
alone costs other labels, and the share of the first ten steps and of the last forty that fall along the residual;
`kinks_by_step` (3 sets, 4 starts, 2): the kinks' share at width 500, with the step whole and a quarter of it;
`late` (4 widths, 3 sets, 4 starts, 11): the rate of 200 late steps, of the matrix at the end, of the effective one, of
that without the projection, with pairs placed at random, with mean firing, then the gliding pairs, units with one,
their share of all switches, and the shares of gliding and other pairs that are driven back from both sides;
`broken` (15 sets, 9 widths, 4 starts, 3): first of 2,500 steps at which the bound is broken, 0 for none, whether the
last 200 were slower than it, and the smallest eigenvalue at the end over that of the limit;
`labels` (3 sets, 16 labels, 3): steps to 1 % of the loss, predicted steps, y'H^-1 y; `tasks` (7 tasks, 4 sizes, 8
sets, 8): steps, test error of the network, of the kernel after as many steps, at its end and at its best ridge, then
of both at the step of TRIED that is best for each, and of the kernel of trained output weights at its best ridge, for
100 inputs; `more_inputs` (3 tasks, 3 sets, 8): the same for 400 inputs, with 500 units of the last scale.
"""

import numpy as np

from helpers import results

WIDTHS = (50, 150, 500, 1500, 5000)
LATE_WIDTHS = (50, 150, 500, 1500)
BOUND_WIDTHS = (10, 20, 30, 50, 80, 150, 300, 600, 1200)
SIZES = ((50, 1), (1000, 1), (1000, 0.01), (100, 0.1 / np.sqrt(10)))
RIDGES = 10.0 ** np.arange(-4, 2)  # the best is chosen on the new inputs
SEEDS = range(4)  # starts
TRIED = {*range(50), *np.geomspace(50, 4000, 60).astype(int)}  # steps at which a network or kernel may stop


def on_sphere(rng, n, d):
    x = rng.normal(size=(n, d))
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def limit(x, z):
    cosine = np.clip(x @ z.T, -1, 1)
    return cosine * (np.pi - np.arccos(cosine)) / (2 * np.pi)


def output_limit(x, z):
    """The limit matrix of a network whose output weights alone are trained."""
    cosine = np.clip(x @ z.T, -1, 1)
    return (np.sqrt(1 - cosine**2) + cosine * (np.pi - np.arccos(cosine))) / (2 * np.pi)


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
    frozen = drifting = wide = mixed = other_values = other_vectors = y
    others = np.random.default_rng(300 + seed).normal(size=(len(y), 10))
    still = moving = turning = others
    falls, last = [], None  # whether a step makes the matrix fall along its residual, and along other labels
    for number, (now, residual, firing) in enumerate(steps_of(w, a, x, y, step)):
        current = gram(firing, x)
        if number == 0:
            first, first_firing = current, firing
        if last:
            change, pulled = current - last[0], last[1]
            along_others = np.einsum("ij,ik,kj->j", others, change, others)
            falls.append((pulled @ change @ pulled < 0, np.mean(along_others < 0)))
        if number == steps:
            logs = [np.log(r @ r) for r in (wide, frozen, drifting, residual)]
            move = np.linalg.norm(now - w, axis=1).max()
            smallest = [np.linalg.eigvalsh(g)[0] for g in (first, current)]
            swapped = [np.log(r @ r) - logs[1] for r in (other_values, other_vectors)]
            apart = np.mean(firing != first_firing)
            lost, turned = (np.mean(np.log(np.sum(r**2, axis=0) / np.sum(still**2, axis=0))) for r in (moving, turning))
            drift_first = np.log(mixed @ mixed) - logs[0]
            told = [logs[3] - logs[0], *np.diff(logs), *swapped, apart, move, *smallest]
            along = np.array(falls)[:, 0]
            return [*told, lost, drift_first, *np.mean(falls, axis=0), turned, along[:10].mean(), along[-40:].mean()]
        last = current, residual
        values, vectors = np.linalg.eigh(current)
        if number == 0:
            first_values, first_vectors = values, vectors
        wide = wide - step * matrix @ wide
        frozen = frozen - step * first @ frozen
        drifting = drifting - step * current @ drifting
        mixed = mixed - step * (matrix + current - first) @ mixed
        still, moving = still - step * first @ still, moving - step * current @ moving
        other_values = other_values - step * first_vectors @ (values * (first_vectors.T @ other_values))
        turning = turning - step * vectors @ (first_values[:, None] * (vectors.T @ turning))
        other_vectors = other_vectors - step * vectors @ (first_values * (vectors.T @ other_vectors))


def seen_gram(x, firing, gliding, project=True):
    """The Gram matrix without the gliding pairs, each unit seen only across the inputs at which it glides."""
    out = np.zeros((len(x), len(x)))
    for fires, glides in zip(firing.T, gliding.T, strict=True):
        seen = x * (fires & ~glides)[:, None]
        basis = np.linalg.qr(x[glides].T)[0]
        seen = seen - seen @ basis @ basis.T if project else seen
        out += seen @ seen.T / firing.shape[1]
    return out


def late(x, y, step, seed, m, steps=900, last=200):
    w, a = start(seed, m, x.shape[1])
    switches, fired, squares, before = np.zeros((len(x), m), int), np.zeros((len(x), m)), [], None
    for number, (_, residual, firing) in enumerate(steps_of(w, a, x, y, step)):
        squares.append(residual @ residual)
        if number > steps - last:
            switches += firing != before
            fired += firing / last
        if number == steps:
            break
        before = firing
    gliding = switches >= 3
    placed = np.random.default_rng(seed).permutation(gliding.ravel()).reshape(gliding.shape)
    mean_firing = x @ x.T * (fired @ fired.T) / m
    grams = [gram(firing, x), seen_gram(x, firing, gliding), seen_gram(x, firing, gliding, project=False)]
    grams += [seen_gram(x, firing, placed), mean_firing]
    without = -(x @ x.T @ (firing * residual[:, None]) - firing * residual[:, None]) * a
    driven_back = (without > 0) & (without - residual[:, None] * a < 0)
    rates = [(1 - step * np.linalg.eigvalsh(g)[0]) ** 2 for g in grams]
    shares = gliding.mean(), gliding.any(axis=0).mean(), switches[gliding].sum() / switches.sum()
    return [(squares[-1] / squares[-1 - last]) ** (1 / last), *rates, *shares] + [
        driven_back[pairs].mean() for pairs in (gliding, ~gliding)
    ]


def first_broken(x, y, matrix, step, seed, m, steps=2500, last=200):
    squares, end = train(*start(seed, m, x.shape[1]), x, y, step, steps)
    # Squares below 1e-24 of the first are rounding; the runs that get there are far below the bound.
    squares = squares[squares > 1e-24 * squares[0]]
    smallest = np.linalg.eigvalsh(matrix)[0]
    bound = squares[0] * (1 - step * smallest / 2) ** np.arange(len(squares))
    rate = (squares[-1] / squares[-1 - last]) ** (1 / last)
    at_end = np.linalg.eigvalsh(gram(x @ end.T > 0, x))[0] / smallest
    return np.argmax(squares > bound * (1 + 1e-9)), rate > bound[1] / bound[0], at_end


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


def against_kernel(task, seed, m, scale, n=100):
    rng = np.random.default_rng(200 + seed)
    x, z, teachers = on_sphere(rng, n, 10), on_sphere(rng, 1000, 10), on_sphere(rng, 5, 10)

    def labels(inputs):
        outputs = inputs @ teachers.T
        first = outputs[:, 0]
        five = np.maximum(outputs, 0) @ np.array([1, -1, 1, -1, 1])
        noise = rng.normal(size=len(inputs))
        product = np.sign(first * outputs[:, 1])
        return (np.maximum(first, 0), five, product, noise, np.sign(first), first**3, np.abs(first))[task]

    y, truth, matrix, across = labels(x), labels(z), limit(x, x), limit(z, x)
    values, vectors = np.linalg.eigh(matrix)
    step = 1 / values[-1]

    def error(outputs):
        return np.mean((outputs - truth) ** 2) / np.mean(truth**2)

    def spectral(weights):
        return error(across @ vectors @ (weights * (vectors.T @ y)))

    def of_network(w):
        return error(np.maximum(z @ w.T, 0) @ a / np.sqrt(m))

    def of_kernel(steps):
        return spectral((1 - (1 - step * values) ** steps) / values)

    w, a = start(1000 + seed, m, 10, scale)
    at_stops = []
    for steps, (now, residual, _) in enumerate(steps_of(w, a, x, y, step)):
        if steps in TRIED:
            at_stops.append(of_network(now))
        if steps == 4000 or residual @ residual < 1e-3 * (y @ y):
            break
    best = min(spectral(1 / (values + ridge)) for ridge in RIDGES)
    one, outer = np.eye(n), (output_limit(x, x), output_limit(z, x))
    of_outputs = min(error(outer[1] @ np.linalg.solve(outer[0] + ridge * one, y)) for ridge in RIDGES)
    kernel_at_best = min(map(of_kernel, TRIED))
    at_end = of_network(now), of_kernel(steps), spectral(1 / values)
    return [steps, *at_end, best, min(at_stops), kernel_at_best, of_outputs]


def deviations(labels, m, number):
    """Of random labels (1) or those of one ReLU (2), for one data set (4 starts, 17)."""
    found = problem(number)
    return [deviation(found[0], found[labels], *found[3:], seed, m) for seed in SEEDS]


def kinks(number):
    """The kinks' share at width 500 with the step whole and a quarter of it, (4 starts, 2)."""
    x, noise, _, matrix, step = problem(number)
    return [[deviation(x, noise, matrix, step / k, seed, 500, 80 * k)[3] for k in (1, 4)] for seed in SEEDS]


def late_rates(m, number):
    x, noise, _, _, step = problem(number)
    return [late(x, noise, step, seed, m) for seed in SEEDS]


def broken(number):
    """Of one data set, (9 widths, 4 starts, 3)."""
    x, noise, _, matrix, step = problem(number)
    return [[first_broken(x, noise, matrix, step, k, m) for k in SEEDS] for m in BOUND_WIDTHS]


def labels_of(number):
    x, _, _, matrix, step = problem(number)
    return [steps_to_percent(x, y, matrix, step) for y in label_vectors(number, x, matrix)]


def main():
    sizes = results.sweep(against_kernel, [(task, k, *size) for task in range(7) for size in SIZES for k in range(8)])
    more = results.sweep(against_kernel, [(t, k, 500, 0.01 * np.sqrt(2), 400) for t in (2, 4, 5) for k in range(3)])
    results.save(
        "wide_networks",
        [np.array(WIDTHS), np.array(SIZES)],
        deviation=np.swapaxes(results.grid(deviations, (1, 2), WIDTHS, range(3)), 1, 2),
        kinks_by_step=results.grid(kinks, range(3)),
        late=results.grid(late_rates, LATE_WIDTHS, range(3)),
        broken=results.grid(broken, range(15)),
        labels=results.grid(labels_of, range(3)),
        tasks=np.array(sizes).reshape(7, len(SIZES), 8, -1),
        more_inputs=np.array(more).reshape(3, 3, -1),
    )


if __name__ == "__main__":
    main()
