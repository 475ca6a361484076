"""How far the clouds of nine samplers are from the posterior on five data sets, by theory and by chains.

Takes about twenty minutes on two cores. Unit noise, standardised inputs, prior N(0, 1); the last two sets are
logistic regressions (digits: eight principal components, odd against even). Chains start in the law that the best
theory predicts, run for two relaxation times of the slowest direction or as long as ROWS allows, and are judged by
their covariance. Arrays are indexed by set, batch (SIZES), method. Stores `theory` (..., 2, 3): KL(q, posterior) and
KL(posterior, q) by the continuous, the discrete and the exact theory; `measured` (..., 2, 2): the same of the chains,
and the standard error of each; `mean` (..., 2): the share of the mean in KL(q, posterior), and its standard error;
`ran` (...): how many relaxation times of the slowest direction the chains ran for. NaN: no such theory, not run.
`points` (3, 4): KL and error, both directions, of chains that start at the minimum: constant and full on the wines,
constant on skin. `bias` (2 methods, 3): squared length of the mean of skin's averages in posterior standard deviations,
its standard error, and as predicted, batches of ten, windows of n/S and of n/S times the misfit. `again` (3, 2): KL(q,
posterior) of momentum on the wines, batches of 100, and its error, for three other seeds.
"""

import numpy as np
from scipy import linalg, special
from sklearn.datasets import load_digits

from helpers import data, results, sgd

SETS = ("patients", "wines", "proteins", "skin", "digits")
SIZES = (10, 100)
METHODS = ("constant", "diagonal", "full", "momentum", "SGLD .005", "SGLD .05", "SGFS diagonal", "SGFS full", "average")
SLOW = ("constant", "diagonal", "momentum", "SGFS diagonal")
ROWS = 5e8  # examples looked up in a cell, and four times as many for the slow ones of the proteins
CHAINS, GROUPS = 4000, 40


def load(name):
    """Inputs, target, and whether the model is a logistic regression."""
    if name == "digits":
        pixels, labels = load_digits(return_X_y=True)
        centred = pixels - pixels.mean(axis=0)
        _, _, directions = np.linalg.svd(centred, full_matrices=False)
        return centred @ directions[:8].T, np.where(labels % 2, 1.0, -1.0), True
    if name == "skin":
        x, y = data.skin()
        return data.standardised(x), y, True
    x, y = {"patients": data.diabetes, "wines": data.wine, "proteins": data.protein}[name]()
    return *sgd.unit_noise(data.standardised(x), y - y.mean()), False


class Model:
    """Curvature, noise and minimum of a data set with the prior N(0, 1)."""

    def __init__(self, name):
        self.x, self.y, self.logistic = load(name)
        self.n, self.width = self.x.shape
        self.l2, one = 1 / self.n, np.eye(self.width)
        if self.logistic:
            signed, self.minimum = self.x * self.y[:, None], np.zeros(self.width)
            for _ in range(30):
                wrong = special.expit(-signed @ self.minimum)
                self.A = (self.x * (wrong * (1 - wrong))[:, None]).T @ self.x / self.n + self.l2 * one
                slope = -signed.T @ wrong / self.n + self.l2 * self.minimum
                self.minimum = self.minimum - np.linalg.solve(self.A, slope)
            gradients = -signed * wrong[:, None] + self.l2 * self.minimum
            third = wrong * (1 - wrong) * (1 - 2 * special.expit(self.x @ self.minimum))
            self.third = np.einsum("n,ni,nj,nk->ijk", third, self.x, self.x, self.x, optimize=True) / self.n
            self.gradient = sgd.logistic_gradient(self.x, self.y, self.l2)
        else:
            self.A = self.x.T @ self.x / self.n + self.l2 * one
            self.minimum = np.linalg.solve(self.A, self.x.T @ self.y / self.n)
            gradients = (self.x @ self.minimum - self.y)[:, None] * self.x + self.l2 * self.minimum
            self.gradient = sgd.ridge_gradient(self.x, self.y, self.l2)
        self.C = sgd.noise_covariance(gradients)
        self.steepest = np.linalg.eigvalsh(self.A)[-1]
        self.misfit = np.trace(np.linalg.solve(self.A, self.C)) / self.width

    def method(self, name, size):
        """Step size, and matrix, keep and noise as sgd.chains wants them."""
        n, C, one = self.n, self.C, np.eye(self.width)
        best, variances = sgd.best_step_size(C, size, n), np.diag(C)
        if name == "constant":
            return best, one, 1.0, None
        if name == "diagonal":
            return 1.0, 2 * size / n * np.diag(1 / variances), 1.0, None
        if name == "full":
            return 1.0, 2 * size / n * np.linalg.inv(C), 1.0, None
        if name == "momentum":
            return 0.3 * best, one, 0.3, None
        if name.startswith("SGLD"):
            step = float(name.split()[1]) / self.steepest
            return step, one, 1.0, 2 * step / n * one
        if name == "SGFS diagonal":
            matrix = size / n * np.diag(1 / variances)
            return 1.0, matrix, 1.0, matrix / n
        if name == "SGFS full":
            matrix = size / n * np.linalg.inv(C)
            return 1.0, matrix, 1.0, matrix / n
        hot = size == 10 and len(self.x) > 45_000 or self.logistic and self.width == 3
        return (0.1 if hot else 0.5) / self.steepest, one, 1.0, None

    def laws(self, size, step, matrix, keep, noise):
        """Stationary covariances by the three theories; the last None for a logistic regression."""
        width, one = self.width, np.eye(self.width)
        move, extra = step / keep * matrix, np.zeros((width, width)) if noise is None else noise
        kicks = move @ self.C @ move.T / size + extra
        continuous = linalg.solve_continuous_lyapunov(move @ self.A, kicks)
        move = step * matrix
        if keep == 1:
            stay, kicks = one - move @ self.A, move @ self.C @ move.T / size + extra
        else:
            stay = np.block([[one - move @ self.A, (1 - keep) * one], [-move @ self.A, (1 - keep) * one]])
            both = np.concatenate([move, move])
            kicks = both @ self.C @ both.T / size
        if np.abs(np.linalg.eigvals(stay)).max() >= 1:
            return [continuous, None, None]
        discrete = linalg.solve_discrete_lyapunov(stay, kicks)[:width, :width]
        if self.logistic:
            return [continuous, discrete, None]
        try:
            exact = sgd.stationary_covariance_exact(
                self.x, self.y, self.l2, step, size, matrix=matrix, keep=keep, noise=noise
            )
        except ValueError:
            exact = None
        return [continuous, discrete, exact]

    def averaged(self, laws, size, step, steps):
        """Covariances of the mean of `steps` steps: of a long window, and of this one from each of the two laws."""
        inverse = np.linalg.inv(self.A)
        found = [inverse @ self.C @ inverse / (size * steps)]
        values, directions = np.linalg.eigh(self.A)
        stay = 1 - step * values
        pairs = (steps * (1 - stay) - stay * (1 - stay**steps)) / (1 - stay) ** 2  # sum of (steps - k) stay^k, k from 0
        for law in laws[1:]:
            if law is None:
                found.append(None)
                continue
            rotated = directions.T @ law @ directions
            rotated = (pairs[:, None] + pairs - steps) * rotated / steps**2
            found.append(directions @ rotated @ directions.T)
        return found

    def both_ways(self, law, samples=None):
        """KL(q, posterior), KL(posterior, q); of a covariance of `samples` chains without its bias."""
        if law is None:
            return [np.nan, np.nan]
        law = (law + law.T) / 2
        forward = sgd.kl(law, self.n * self.A, samples=samples)
        squares = np.trace(self.n * self.A @ law)
        logs = squares - self.width - 2 * forward  # the logarithms of both determinants
        inverse = np.trace(np.linalg.inv(law) @ np.linalg.inv(self.A)) / self.n
        if samples is not None:
            inverse *= (samples - self.width - 2) / (samples - 1)
        return [forward, (inverse - self.width + logs) / 2]

    def judge(self, ends):
        """Both divergences with jackknife errors over groups, and the mean's share of the first with its error."""
        groups = ends.reshape(GROUPS, -1, self.width)

        def found(some):
            away = some.reshape(-1, self.width) - self.minimum
            cloud, centre = np.cov(away.T), away.mean(axis=0)
            share = self.n * (centre @ self.A @ centre - np.trace(self.A @ cloud) / len(away)) / 2
            return np.array([*self.both_ways(cloud, samples=len(away)), share])

        whole = found(groups)
        left_out = np.array([found(np.delete(groups, k, axis=0)) for k in range(GROUPS)])
        errors = np.sqrt((GROUPS - 1) * left_out.var(axis=0))
        return np.array([whole, errors]).T


def averages(model, start, step, size, steps, rng):
    theta, total = start, np.zeros_like(start)
    for _ in range(steps):
        total += theta
        theta = sgd.chains(model.gradient, theta, model.n, step, size, 1, rng)
    return total / steps


def cell(name, size, method):
    """Theory and chains of one cell of the table."""
    model = Model(name)
    settings = model.method(method, size)
    step, matrix, keep, noise = settings
    laws = model.laws(size, *settings)
    law = laws[1] if model.logistic else laws[2]
    window = model.n // size
    theories = model.averaged(laws, size, step, window) if method == "average" else laws
    theory = np.array([model.both_ways(theory) for theory in theories]).T
    nothing = theory, np.full((2, 2), np.nan), np.full(2, np.nan), np.nan
    slow = name == "proteins" and method in SLOW
    if law is None or (slow and size == 10) or (name == "skin" and size == 10 and method in SLOW):
        return nothing
    rng = np.random.default_rng([SETS.index(name), size, METHODS.index(method)])
    count = 400 if slow or (name == "skin" and method in SLOW) else CHAINS
    rate = step / keep * np.min(np.linalg.eigvals(matrix @ model.A).real)
    start = rng.multivariate_normal(model.minimum, law, size=count)
    if method == "average":
        ends, steps = averages(model, start, step, size, window, rng), window
    else:
        rows = 4 * ROWS if slow else ROWS
        steps = int(min(2 / rate + 50, rows / (count * size)))
        ends = sgd.chains(model.gradient, start, model.n, step, size, steps, rng, matrix=matrix, keep=keep, noise=noise)
    judged = model.judge(ends)
    return theory, judged[:2], judged[2], steps * rate


def point(name, method, count):
    """Chains that start at the minimum and run for three relaxation times of the slowest direction."""
    model = Model(name)
    step, matrix, keep, noise = model.method(method, 100)
    steps = int(3 / (step * np.min(np.linalg.eigvals(matrix @ model.A).real)))
    rng = np.random.default_rng([len(name), count])
    start = np.tile(model.minimum, (count, 1))
    ends = sgd.chains(model.gradient, start, model.n, step, 100, steps, rng, matrix=matrix)
    return model.judge(ends)[:2].ravel()


def bias(longer):
    """Squared length of the mean of skin's averages, its error, and by the third derivative."""
    model, size = Model("skin"), 10
    step, window = 0.1 / model.steepest, model.n // size
    law = model.laws(size, step, np.eye(3), 1.0, None)[1]
    moved = -np.linalg.solve(model.A, np.einsum("ijk,jk->i", model.third, law)) / 2
    rng = np.random.default_rng(longer)
    start = rng.multivariate_normal(model.minimum + moved, law, size=400)
    steps = int(window * model.misfit) if longer else window
    ends = averages(model, start, step, size, steps, rng)
    share, error = 2 * model.judge(ends)[2]
    return np.array([share, error, model.n * moved @ model.A @ moved])


def again(seed):
    model = Model("wines")
    settings = model.method("momentum", 100)
    start = np.random.default_rng(seed).multivariate_normal(model.minimum, model.laws(100, *settings)[2], size=CHAINS)
    rng = np.random.default_rng([seed, 1])
    return model.judge(sgd.chains(model.gradient, start, model.n, settings[0], 100, 1250, rng, keep=0.3))[0]


def main():
    tasks = [(name, size, method) for name in SETS for size in SIZES for method in METHODS]
    shape = len(SETS), len(SIZES), len(METHODS)
    parts = [np.array(part) for part in zip(*results.sweep(cell, tasks), strict=True)]
    theory, measured, mean, ran = (part.reshape(*shape, *part.shape[1:]) for part in parts)
    starts = [("wines", "constant", 2000), ("wines", "full", 4000), ("skin", "constant", 400)]
    inputs = (*data.diabetes(), *data.wine(), *data.protein(), *data.skin(), *load_digits(return_X_y=True))
    results.save(
        "posterior_table",
        inputs,
        theory=theory,
        measured=measured,
        mean=mean,
        ran=ran,
        points=np.array(results.sweep(point, starts)),
        bias=np.array(results.sweep(bias, [(0,), (1,)])),
        again=np.array(results.sweep(again, [(100,), (101,), (102,)])),
    )


if __name__ == "__main__":
    main()
