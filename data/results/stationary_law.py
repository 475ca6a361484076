"""Where four thousand chains of SGD are found, beside three theories, and the tail of a regression with one weight.

Takes about five minutes. Diabetes, ridge 1/n, at the settings of SETTINGS (batch, step times the largest curvature).
Stores `clouds` (4 settings, 10 seeds, 3): chi-square per degree of freedom of the covariance of 4,000 chains against
the continuous, the discrete and the exact theory, as if the chains were Gaussian; `pooled` (4,): the probability of a
Hotelling statistic at least as large for all 40,000 chains against the exact theory, with the chains' own fourth
moments; `hill` (8 seeds, 3 numbers of largest values): Hill's estimate of the tail index for a million chains with
single Gaussian inputs and the step .6; `rows` (2 steps, 2 lengths, 3): the same for half a million chains of the
regression of protein distances on one column, at steps of 3 and 5 times 2 over its largest square, after 4 and 30
over the step.
"""

import numpy as np
from scipy import stats

from helpers import data, results, sgd

SETTINGS = ((1, 0.1), (1, 0.2), (8, 0.2), (8, 0.8))
CHAINS, STEPS = 4000, 400
LARGEST = (500, 2000, 5000)
TIMES = (3, 5)


def chi_square(deviations, law):
    """Of the sample covariance against `law`, over its degrees of freedom."""
    white = np.linalg.solve(np.linalg.cholesky(law), deviations.T)
    excess = white @ white.T / len(deviations) - np.eye(len(law))
    entries = excess[np.triu_indices(len(law))]
    spread = np.where(np.eye(len(law))[np.triu_indices(len(law))] > 0, 2, 1) / len(deviations)
    return np.mean(entries**2 / spread)


def hotelling(deviations, law):
    """Probability of products of coordinates this far from `law`, or farther."""
    white = np.linalg.solve(np.linalg.cholesky(law), deviations.T).T
    upper = np.triu_indices(len(law))
    products = (white[:, :, None] * white[:, None, :])[:, upper[0], upper[1]]
    misses = products.mean(axis=0) - np.eye(len(law))[upper]
    statistic = len(white) * misses @ np.linalg.solve(np.cov(products.T), misses)
    return stats.chi2.sf(statistic, len(misses))


def hill(values, largest):
    ordered = np.sort(np.abs(values))[::-1]
    return 1 / np.mean(np.log(ordered[:largest] / ordered[largest]))


def tail(seed):
    rng = np.random.default_rng(seed)
    delta = np.zeros(1_000_000)
    for _ in range(150):
        x, noise = rng.standard_normal((2, len(delta)), dtype=np.float32)
        delta = (1 - 0.6 * x * x) * delta + 0.6 * x * noise
    return [hill(delta, largest) for largest in LARGEST]


def tail_of_rows(times):
    """Of chains that draw rows of the protein table, with one column as input."""
    table, distances = data.protein()
    x = (table[:, 6] - table[:, 6].mean()) / table[:, 6].std()
    y = distances - distances.mean()
    step = times * 2 / np.max(x**2)
    stays, kicks = 1 - step * x**2, step * x * (y - x * (x @ y) / len(x))
    rng = np.random.default_rng(0)
    delta, found = np.zeros(500_000), []
    for length in (4, 26):
        for _ in range(int(length / step)):
            rows = rng.integers(len(x), size=len(delta))
            delta = stays[rows] * delta + kicks[rows]
        found.append([hill(delta, largest) for largest in LARGEST])
    return found


def main():
    x, y = data.diabetes()
    n, width = x.shape
    l2 = 1 / n
    A = x.T @ x / n + l2 * np.eye(width)
    minimum = np.linalg.solve(A, x.T @ y / n)
    C = sgd.noise_covariance((x @ minimum - y)[:, None] * x + l2 * minimum)
    gradient = sgd.ridge_gradient(x, y, l2)
    clouds, pooled = np.empty((len(SETTINGS), 10, 3)), []
    for setting, (size, share) in enumerate(SETTINGS):
        step = share / np.linalg.eigvalsh(A)[-1]
        laws = [sgd.stationary_covariance(A, C, step, size, form) for form in sgd.FORMS]
        laws.append(sgd.stationary_covariance_exact(x, y, l2, step, size))
        found = []
        for seed in range(10):
            rng = np.random.default_rng([setting, seed])
            start = rng.multivariate_normal(minimum, laws[2], size=CHAINS)
            found.append(sgd.chains(gradient, start, n, step, size, STEPS, rng) - minimum)
            clouds[setting, seed] = [chi_square(found[-1], law) for law in laws]
        pooled.append(hotelling(np.concatenate(found), laws[2]))
        print(size, share, clouds[setting].mean(axis=0).round(2), pooled[-1], flush=True)
    tails = np.array([tail(seed) for seed in range(8)])
    print(tails.mean(axis=0), tails.std(axis=0), flush=True)
    rows = np.array([tail_of_rows(times) for times in TIMES])
    print(rows, flush=True)
    inputs = (*data.diabetes(), *data.protein())
    results.save("stationary_law", inputs, clouds=clouds, pooled=np.array(pooled), hill=tails, rows=rows)


if __name__ == "__main__":
    main()
