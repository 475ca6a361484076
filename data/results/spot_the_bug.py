"""How a stationarity test judges a sampler and five slips of it: the counts of lecture 4_7.

Takes about three minutes. SGD on the patients with a diagonal matrix and added noise, batches of two, 2,000 chains that
start in the sampler's exact law and run for 250 steps. Stores `right` (100 seeds, 2) and `wrong` (5 slips, 20 seeds,
2): chi-square of the covariance and of the mean, less its degrees of freedom, in standard deviations; `by_eye` (5
sizes,): the share of 200 trials with two weights in which the cloud with the count nearest 5 % outside its ellipse is
the right one of six.
"""

import numpy as np

from helpers import data, results, sgd

SIZE = 2
SLIPS = ("step for its root", "variance for spread", "noise twice", "step times S²", "frozen")
SIZES = (50, 100, 200, 400, 1000)


def sampler(gradients, slip, rng, accepts):
    """Matrix and covariance of the added noise."""
    n, C = len(gradients), sgd.noise_covariance(gradients)
    matrix = SIZE / n * np.diag(1 / np.diag(C))
    noise = matrix / n
    if slip == SLIPS[0]:
        return matrix, 0.05 * noise
    if slip == SLIPS[1]:
        return matrix, noise @ noise
    if slip == SLIPS[2]:
        return matrix, noise + matrix @ C @ matrix / SIZE
    if slip == SLIPS[3]:
        return SIZE**2 * matrix, noise
    while slip == SLIPS[4]:
        batch = gradients[rng.integers(n, size=SIZE)].mean(axis=0)
        frozen = np.diag(1 / batch**2) / n
        if accepts(frozen):
            return frozen, frozen / n
    return matrix, noise


def white_ends(x, y, slip, chains, steps, seed):
    """Where chains of one sampler are, in units of the right one's exact law."""
    rng, n = np.random.default_rng(seed), len(x)
    _, minimum, _ = sgd.at_minimum(x, y)
    gradients = (x @ minimum - y)[:, None] * x + minimum / n

    def exact(matrix, noise):
        return sgd.stationary_covariance_exact(x, y, 1 / n, 1.0, SIZE, matrix, noise=noise)

    def accepts(matrix):
        try:
            exact(matrix, matrix / n)
        except ValueError:
            return False
        return True

    root = np.linalg.cholesky(exact(*sampler(gradients, "", rng, accepts)))
    matrix, noise = sampler(gradients, slip, rng, accepts)
    start = minimum + rng.normal(size=(chains, x.shape[1])) @ root.T
    gradient = sgd.ridge_gradient(x, y, 1 / n)
    ends = sgd.chains(gradient, start, n, 1.0, SIZE, steps, rng, matrix=matrix, noise=noise)
    return np.linalg.solve(root, (ends - minimum).T).T


def judge(white):
    chains, width = white.shape
    excess = white.T @ white / chains - np.eye(width)
    entries, squares = width * (width + 1) / 2, chains / 2 * np.sum(excess**2)
    mean = chains * np.sum(white.mean(axis=0) ** 2)
    return (squares - entries) / np.sqrt(2 * entries), (mean - width) / np.sqrt(2 * width)


def picked(x, y, chains, seed):
    """Whether counting points outside the 95 % ellipse picks the right one of six clouds."""
    clouds = [white_ends(x, y, slip, chains, 400, [seed, k]) for k, slip in enumerate(("", *SLIPS))]
    outside = [np.mean(np.sum(cloud**2, axis=1) > -2 * np.log(0.05)) for cloud in clouds]
    return np.argmin(np.abs(np.array(outside) - 0.05)) == 0


def main():
    x, y = sgd.unit_noise(*data.diabetes())
    right = np.array([judge(white_ends(x, y, "", 2000, 250, seed)) for seed in range(100)])
    print(right.max(axis=0), flush=True)
    wrong = np.array([[judge(white_ends(x, y, slip, 2000, 250, seed)) for seed in range(20)] for slip in SLIPS])
    print(wrong.min(axis=1), flush=True)
    two = x[:, [2, 8]]
    by_eye = [np.mean([picked(two, y, chains, seed) for seed in range(200)]) for chains in SIZES]
    print(by_eye, flush=True)
    results.save("spot_the_bug", data.diabetes(), right=right, wrong=wrong, by_eye=np.array(by_eye))


if __name__ == "__main__":
    main()
