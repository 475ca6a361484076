"""What the promises of both sides are worth on the digits: pruning, composing, reusing, features; for lecture 1_7.

Takes about fifteen minutes. Networks 64-100-10 with ReLUs; inputs are pixel/8; three seeds; accuracies on the 360 test
digits by other writers.

pruned       share of weights set to zero (SHARES) in networks and guides fitted to all 1,437 training digits: guides by
             |mean|/sd, by |mean| or at random, plain networks with each of DECAYS by size and by
             price, and with a penalty on |w| of each of LASSOS by size
composed     accuracy and nll after each of five chunks of training digits, a posterior being the prior of the next
             chunk: WAYS; chunks drawn at random, or of two classes each (then of the classes seen so far); last: all at
             once
reused       accuracy on the classes 5 to 9 with LABELS labels a class, after a network saw 0 to 4: REUSES
features     accuracy of the nearest neighbour among EACH labels a class, twenty draws, in several spaces: SPACES
"""

import numpy as np
import torch
from sklearn.decomposition import PCA
from sklearn.neighbors import KNeighborsClassifier

from helpers import data, results, vae, variational

SIZES, SEEDS, STEPS, DRAWS = (64, 100, 10), 3, 12_000, 100
PRIORS, DECAYS, SHARES = ["4/√", "1", "2"], [0.0, 1e-4, 1e-3, 3e-3], [0, 0.5, 0.75, 0.9, 0.95, 0.98]
LASSOS = [3e-4, 1e-3, 2e-3, 4e-3]
BY = ["mean over sd", "mean", "random"]
WAYS = ["guide, chained", "plain, fitted on"]
LABELS = [1, 5, 20]
REUSES = [
    "guide",
    "guide, first layer's posterior as prior",
    "plain",
    "plain, fitted on",
    "plain, first layer frozen",
    "plain, random first layer frozen",
    "nearest image",
]
CODES = [10, 5, 3, 2]
SPACES = ["pixels", "random units 100", *(f"{kind} {k}" for kind in ("autoencoder", "components") for k in CODES)]
EACH = [1, 2, 5, 10, 50]

torch.set_num_threads(1)
digits = data.digits()
x, y = torch.tensor(2 * digits.train_x).float(), torch.tensor(digits.train_y)
test_x, test_y = torch.tensor(2 * digits.test_x).float(), torch.tensor(digits.test_y)


def prior_sds(name):
    if name.endswith("/√"):
        return [float(name[:-2]) / np.sqrt(inputs + 1) for inputs in SIZES[:-1]]
    return [float(name)] * 2


class Chained(variational.MeanField):
    """A guide whose prior is a Gaussian of its own for each weight: (means, sds), lists like the guide's."""

    def kl(self, prior):
        parts = zip(self.means, self.log_sds, *prior, strict=True)
        return sum(
            variational.gaussian_kl(mean - middle, torch.exp(log_sd), sd).sum(dim=(1, 2))
            for mean, log_sd, middle, sd in parts
        )


def flat_prior(guide, name):
    """The prior of that name, for each weight of a guide."""
    sds = prior_sds(name)
    return [torch.zeros_like(mean) for mean in guide.means], [
        torch.full_like(mean, sd) for mean, sd in zip(guide.means, sds, strict=True)
    ]


def posterior(guide):
    """Means and standard deviations of a guide, to be the next prior."""
    return [mean.detach().clone() for mean in guide.means], [torch.exp(s).detach().clone() for s in guide.log_sds]


def generator(seed):
    return torch.Generator().manual_seed(seed)


def accuracy(p, rows=slice(None)):
    return float((p.argmax(dim=-1) == test_y[rows]).double().mean())


def plain_probabilities(weights, images):
    with torch.no_grad():
        return torch.softmax(variational.logits(weights, images), dim=2)[0]


def pruned(seed):
    """Accuracies (settings, shares): guides of each prior by each of BY, plain networks by size and by price."""
    table = np.empty((len(PRIORS) * len(BY) + 2 * len(DECAYS) + len(LASSOS), len(SHARES)))
    row = 0
    for name in PRIORS:
        guide = variational.MeanField(SIZES, 1, generator(seed))
        variational.fit(guide, x, y, prior_sds(name), STEPS, 3e-3, 64, generator(seed))
        means, sds = posterior(guide)
        scores = [
            torch.cat([(mean.abs() / sd).ravel() for mean, sd in zip(means, sds, strict=True)]),
            torch.cat([mean.abs().ravel() for mean in means]),
        ]
        scores.append(torch.rand(scores[0].shape, generator=generator(seed)))
        for score in scores:
            table[row] = [pruned_guide(means, sds, score, share, seed) for share in SHARES]
            row += 1
    for decay in DECAYS:
        weights = variational.start(SIZES, 1, generator(seed))
        variational.fit_plain(weights, x, y, decay, STEPS, 3e-3, 64, generator(seed))
        for scores in (weights, prices(weights, decay)):
            table[row] = [pruned_plain(weights, scores, share) for share in SHARES]
            row += 1
    for lasso in LASSOS:
        weights = variational.start(SIZES, 1, generator(seed))
        fit_lasso(weights, lasso, generator(seed))
        table[row] = [pruned_plain(weights, weights, share) for share in SHARES]
        row += 1
    return table


def pruned_plain(weights, scores, share):
    flat = torch.cat([score.abs().ravel() for score in scores])
    left = [w * mask for w, mask in zip(weights, masks(weights, flat, share), strict=True)]
    return accuracy(plain_probabilities(left, test_x))


def fit_lasso(weights, lasso, generator):
    """Fit a plain network with loss cross-entropy + lasso times the sum of |w|, as variational.fit_plain does."""

    def loss(rows):
        fitted = variational.log_likelihood(variational.logits(weights, x[rows]), y[rows]).mean()
        return lasso * sum(matrix.abs().sum() for matrix in weights) - fitted

    for matrix in weights:
        matrix.requires_grad_(True)
    variational.descend(weights, loss, len(x), STEPS, 3e-3, 64, generator)
    for matrix in weights:
        matrix.requires_grad_(False)


def prices(weights, decay):
    """What each weight of a plain network costs by eq. 1.7.1, with the diagonal of its Gauss-Newton matrix."""
    first, last = (w[0] for w in weights)
    inputs = variational.with_ones(x)
    hidden = inputs @ first
    units = variational.with_ones(torch.relu(hidden))
    p = torch.softmax(units @ last, dim=1)
    of_last = (units**2).T @ (p * (1 - p))
    spread = p @ (last[:-1] ** 2).T - (p @ last[:-1].T) ** 2  # of the gradient at a hidden unit, over labels
    of_first = (inputs**2).T @ (spread * (hidden > 0))
    parts = zip((first, last), (of_first, of_last), strict=True)
    return [(w**2 * (curvature + len(x) * decay) / 2)[None] for w, curvature in parts]


def masks(weights, scores, share):
    """1 where a weight is kept, 0 where its score is among the lowest `share`."""
    cut = torch.quantile(scores, share) if share else -1.0
    parts = torch.split((scores > cut).float(), [w.numel() for w in weights])
    return [part.reshape(w.shape) for part, w in zip(parts, weights, strict=True)]


def pruned_guide(means, sds, scores, share, seed):
    guide = variational.MeanField(SIZES, 1, generator(0))
    for layer, mask in enumerate(masks(means, scores, share)):
        guide.means[layer].data = means[layer] * mask
        guide.log_sds[layer].data = torch.log(torch.clamp(sds[layer] * mask, min=1e-12))
    return accuracy(variational.predict(guide, test_x, DRAWS, generator(seed))[0])


def composed(seed):
    """Accuracy and nll (kinds of chunks, ways, six moments, 2)."""
    table = np.empty((2, len(WAYS), 6, 2))
    order = torch.randperm(len(x), generator=generator(seed))
    by_class = [torch.nonzero((y == 2 * k) | (y == 2 * k + 1)).ravel() for k in range(5)]
    for kind, chunks in enumerate((list(order[:1435].reshape(5, 287)), by_class)):
        everything = torch.cat(chunks)
        for k, rows in enumerate([*chunks, everything]):
            if k in (0, 5):
                guide = Chained(SIZES, 1, generator(seed))
                prior = flat_prior(guide, "4/√")
                weights = variational.start(SIZES, 1, generator(seed))
            steps = STEPS if k == 5 else STEPS // 3
            variational.fit(guide, x[rows], y[rows], prior, steps, 3e-3, 64, generator(seed))
            prior = posterior(guide)
            variational.fit_plain(weights, x[rows], y[rows], 1e-4, steps, 3e-3, 64, generator(seed))
            seen = test_y < (2 * k + 2 if kind else 10)
            found = [
                variational.predict(guide, test_x[seen], DRAWS, generator(seed))[0],
                plain_probabilities(weights, test_x[seen]),
            ]
            for way, p in enumerate(found):
                nll = -torch.log(p.gather(1, test_y[seen][:, None]).clamp(min=1e-12)).mean()
                table[kind, way, k] = accuracy(p, seen), float(nll)
    return table


def frozen_fit(first, rows, seed):
    """A plain last layer fitted to the hidden units of a frozen first one; the probabilities of the test digits."""
    hidden, test_hidden = (torch.relu(variational.with_ones(images) @ first)[0] for images in (x[rows], test_x))
    last = variational.start((SIZES[1], SIZES[2]), 1, generator(seed))
    variational.fit_plain(last, hidden, y[rows], 1e-3, STEPS // 3, 3e-3, min(64, len(rows)), generator(seed))
    return plain_probabilities(last, test_hidden)


def reused(seed):
    """Accuracies on the classes 5 to 9 (reuses, labels)."""
    table = np.empty((len(REUSES), len(LABELS)))
    old, asked = torch.nonzero(y < 5).ravel(), test_y >= 5
    guide = Chained(SIZES, 1, generator(seed))
    variational.fit(guide, x[old], y[old], flat_prior(guide, "4/√"), STEPS, 3e-3, 64, generator(seed))
    learned = posterior(guide)
    plain = variational.start(SIZES, 1, generator(seed))
    variational.fit_plain(plain, x[old], y[old], 1e-3, STEPS, 3e-3, 64, generator(seed))
    order = torch.randperm(len(x), generator=generator(seed))
    for k, labels in enumerate(LABELS):
        rows = torch.cat([order[y[order] == c][:labels] for c in range(5, 10)])
        batch = min(64, len(rows))
        for way in range(2):
            guide = Chained(SIZES, 1, generator(seed + 10))
            prior = flat_prior(guide, "4/√")
            if way:
                prior[0][0], prior[1][0] = learned[0][0], learned[1][0]
                guide.means[0].data, guide.log_sds[0].data = learned[0][0].clone(), torch.log(learned[1][0])
            variational.fit(guide, x[rows], y[rows], prior, STEPS // 2, 3e-3, batch, generator(seed))
            p = variational.predict(guide, test_x, DRAWS, generator(seed))[0]
            table[way, k] = limited(p, asked)
        fresh = variational.start(SIZES, 1, generator(seed + 10))
        random_first = fresh[0].clone()
        fitted_on = [plain[0].clone(), fresh[1].clone()]
        for way, weights in ((2, fresh), (3, fitted_on)):
            variational.fit_plain(weights, x[rows], y[rows], 1e-3, STEPS // 2, 3e-3, batch, generator(seed))
            table[way, k] = limited(plain_probabilities(weights, test_x), asked)
        for way, first in ((4, plain[0]), (5, random_first)):
            table[way, k] = limited(frozen_fit(first, rows, seed), asked)
        nearest = KNeighborsClassifier(1).fit(x[rows], y[rows])
        table[6, k] = nearest.score(test_x[asked], test_y[asked])
    return table


def limited(p, asked):
    """Accuracy among the classes 5 to 9."""
    return float((p[asked][:, 5:].argmax(dim=1) + 5 == test_y[asked]).double().mean())


def features(seed):
    """Accuracies (spaces, labels a class), each a mean of twenty draws of the labels."""
    table = np.empty((len(SPACES), len(EACH)))
    counts, test_counts = 8 * x, 8 * test_x
    units = torch.randn(65, 100, generator=generator(seed)) / 65**0.5
    spaces = [[x, test_x], [torch.relu(variational.with_ones(images) @ units) for images in (x, test_x)]]
    for latent in CODES:
        torch.manual_seed(seed)
        model = vae.Autoencoder(64, latent, 200)
        vae.fit(model, counts, 120, 3e-3, 64, generator(seed))
        with torch.no_grad():
            spaces.append([model.encode(images)[0] for images in (counts, test_counts)])
    for latent in CODES:
        components = PCA(latent, random_state=0).fit(x)
        spaces.append([components.transform(images) for images in (x, test_x)])
    spaces = [[np.asarray(images) for images in pair] for pair in spaces]
    for k, each in enumerate(EACH):
        scores = np.empty((20, len(SPACES)))
        for draw in range(20):
            order = np.random.default_rng(100 * seed + draw).permutation(len(x))
            rows = np.concatenate([order[y.numpy()[order] == c][:each] for c in range(10)])
            for s, (known, asked) in enumerate(spaces):
                nearest = KNeighborsClassifier(1).fit(known[rows], y.numpy()[rows])
                scores[draw, s] = nearest.score(asked, test_y.numpy())
        table[:, k] = scores.mean(axis=0)
    return table


def main():
    features_of, composed_of, reused_of, pruned_of = (
        np.array(results.sweep(function, [(seed,) for seed in range(SEEDS)]))
        for function in (features, composed, reused, pruned)
    )
    results.save(
        "both_sides",
        [digits.train_x, digits.train_y, digits.test_x, digits.test_y],
        priors=np.array(PRIORS),
        by=np.array(BY),
        decays=np.array(DECAYS),
        shares=np.array(SHARES),
        ways=np.array(WAYS),
        labels=np.array(LABELS),
        reuses=np.array(REUSES),
        spaces=np.array(SPACES),
        each=np.array(EACH),
        features=np.moveaxis(features_of, 0, 2),
        composed=np.moveaxis(composed_of, 0, 2),
        reused=np.moveaxis(reused_of, 0, 2),
        pruned=np.moveaxis(pruned_of, 0, 1),
    )


if __name__ == "__main__":
    main()
