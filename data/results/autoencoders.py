"""Variational autoencoders on the digits by likelihood and by number of latent dimensions, and rivals, for lecture 1_5.

Takes about six minutes. 64-200-z-200-64, 120 epochs. Two splits: the 360 test digits by other writers, and 360 drawn at
random from all 1,797, by writers that also wrote training digits. Three seeds each. Stored for each split, model and
seed: MEASURES, in nats of the counts; z = 2 by a sum over a grid of codes, z = 10 by 500 draws of the guide, which is
a lower bound. A model that was trained with Bernoulli pixels is judged as the binomial one with its means, with a guide
fitted anew for that. RIVALS have no network: histograms of each pixel, mixtures of products of histograms, mixtures of
products of binomials. The binomial models of seed 0 for other writers are stored whole.
"""

import itertools

import numpy as np
import torch
from scipy import stats
from sklearn.neighbors import KNeighborsClassifier

from helpers import data, results, vae

MODELS = ["binomial", "bernoulli", "beta-binomial"]
LATENT, SEEDS, EPOCHS = [2, 10], 3, 120
MEASURES = ["log p", "bound", "kl", "neighbours"]
RIVALS = ["histograms", "10 products of histograms", "60 products of binomials", "neighbours of pixels"]
GRID = np.linspace(-8, 8, 401)

torch.set_num_threads(1)


class Dispersed(vae.Autoencoder):
    """A beta-binomial pixel: the probability of its tosses is drawn from a beta distribution of a pixel's own width."""

    def __init__(self, pixels, latent, hidden):
        super().__init__(pixels, latent, hidden)
        self.log_strength = torch.nn.Parameter(torch.full((pixels,), 3.0))

    def log_likelihood(self, codes, counts):
        return pixelwise(self, self.decode(codes), counts).sum(dim=-1)


def pixelwise(model, logits, counts):
    """log P of the counts of each pixel, beta-binomial."""
    strength = torch.exp(model.log_strength)
    a, b = torch.sigmoid(logits) * strength + 1e-4, torch.sigmoid(-logits) * strength + 1e-4
    top = torch.tensor(float(vae.TOP))
    choices = torch.lgamma(top + 1) - torch.lgamma(counts + 1) - torch.lgamma(top - counts + 1)
    drawn = torch.lgamma(counts + a) + torch.lgamma(top - counts + b) - torch.lgamma(top + a + b)
    return choices + drawn - torch.lgamma(a) - torch.lgamma(b) + torch.lgamma(a + b)


def by_grid(model, counts):
    """log p of each image, by a sum over the codes of GRID."""
    hot = torch.nn.functional.one_hot(counts.long(), 17).reshape(len(counts), -1).float()
    codes = torch.tensor(np.stack(np.meshgrid(GRID, GRID), axis=-1).reshape(-1, 2), dtype=torch.float32)
    total = torch.full((len(counts),), -torch.inf)
    values = torch.arange(17.0)[:, None]
    for part in codes.split(4000):
        logits = model.decode(part)
        if isinstance(model, Dispersed):
            table = torch.stack([pixelwise(model, logits, value) for value in values], dim=-1)
        else:
            choices = torch.lgamma(torch.tensor(17.0)) - torch.lgamma(values + 1) - torch.lgamma(17 - values)
            table = values[:, 0] * logits[..., None] - 16 * torch.nn.functional.softplus(logits)[..., None]
            table = table + choices[:, 0]
        scores = table.reshape(len(part), -1) @ hot.T - (part**2).sum(dim=1, keepdim=True) / 2
        total = torch.logaddexp(total, torch.logsumexp(scores, dim=0))
    return total + 2 * np.log(GRID[1] - GRID[0]) - np.log(2 * np.pi)


def measured(model, train_counts, train_y, counts, y):
    generator = torch.Generator().manual_seed(9)
    with torch.no_grad():
        mean, log_sd = model.encode(counts)
        weights = torch.stack([vae.log_weights(model, counts, 20, generator) for _ in range(25)]).reshape(500, -1)
        bound = weights.mean()
        log_p = by_grid(model, counts) if model.latent == 2 else torch.logsumexp(weights, 0) - np.log(500)
        base = model.encode(train_counts)[0].numpy()
    score = KNeighborsClassifier(5).fit(base, train_y).score(mean.numpy(), y)
    return [float(log_p.mean()), float(bound), float(vae.kl(mean, log_sd).mean()), score]


def log_products(counts, responsibilities, smooth):
    """Log P of each value at each pixel of each component, (components, 64, 17), with `smooth` added to each count."""
    hot = np.eye(17)[counts]
    tables = np.einsum("nk,npv->kpv", responsibilities, hot) + smooth
    return np.log(tables / tables.sum(axis=2, keepdims=True))


def mixture(train_counts, counts, components, seed, binomial):
    """Mean log p of `counts` under a mixture of products, fitted by expectation and maximisation (60 rounds)."""
    rng = np.random.default_rng(seed)
    shares = rng.dirichlet(np.ones(components), size=len(train_counts))
    values = np.arange(17)
    for _ in range(60):
        weight = np.log(shares.mean(axis=0) + 1e-300)
        if binomial:
            p = (shares.T @ train_counts + 0.5) / (16 * shares.sum(axis=0)[:, None] + 1)
            tables = stats.binom.logpmf(values, 16, p[..., None])
        else:
            tables = log_products(train_counts, shares, 0.1)
        flat = tables.reshape(components, -1).T

        def scores(found, flat=flat, weight=weight):
            return np.eye(17)[found].reshape(len(found), -1) @ flat + weight

        logs = scores(train_counts)
        shares = np.exp(logs - np.logaddexp.reduce(logs, axis=1, keepdims=True))
    return np.logaddexp.reduce(scores(counts), axis=1).mean()


def fitted(split, kind, latent, seed, x, y, rows):
    """MEASURES of one model, and its parameters."""
    train, test = rows[2 * split], rows[2 * split + 1]
    counts, test_counts = (torch.tensor(x[some], dtype=torch.float32) for some in (train, test))
    torch.manual_seed(seed)
    is_bernoulli = MODELS[kind] == "bernoulli"
    model = (Dispersed if MODELS[kind] == "beta-binomial" else vae.Autoencoder)(64, LATENT[latent], 200)
    generator = torch.Generator().manual_seed(seed)
    # a sum over grey Bernoulli pixels is a sixteenth of the binomial one, but for a constant
    vae.fit(model, counts, EPOCHS, 3e-3, 64, generator, 16 if is_bernoulli else 1)
    if is_bernoulli:
        vae.fit(model, counts, 40, 3e-3, 64, generator, parameters=list(model.encoder.parameters()))
    flat = torch.nn.utils.parameters_to_vector(model.parameters()).detach().numpy()
    return measured(model, counts, y[train], test_counts, y[test]), flat


def rivals_of(split, seed, x, y, rows):
    train, test = rows[2 * split], rows[2 * split + 1]
    return [
        mixture(x[train], x[test], 1, seed, binomial=False),
        mixture(x[train], x[test], 10, seed, binomial=False),
        mixture(x[train], x[test], 60, seed, binomial=True),
        KNeighborsClassifier(5).fit(x[train], y[train]).score(x[test], y[test]),
    ]


def main():
    digits = data.digits()
    x = np.round(16 * np.concatenate([digits.train_x, digits.test_x])).astype(int)
    y = np.concatenate([digits.train_y, digits.test_y])
    drawn = np.random.default_rng(0).permutation(len(x))
    splits = {"other writers": (np.arange(1437), np.arange(1437, 1797)), "same writers": (drawn[:1437], drawn[1437:])}
    rows = [split for pair in splits.values() for split in pair]
    shape = 2, len(MODELS), len(LATENT), SEEDS
    found = results.sweep(fitted, itertools.product(*map(range, shape)), x, y, rows)
    rivals = results.sweep(rivals_of, itertools.product(range(2), range(SEEDS)), x, y, rows)
    first = MODELS.index("binomial") * len(LATENT) * SEEDS
    stored = {f"model_{latent}": found[first + j * SEEDS][1] for j, latent in enumerate(LATENT)}
    results.save(
        "autoencoders",
        [digits.train_x, digits.train_y, digits.test_x, digits.test_y],
        splits=np.array(list(splits)),
        models=np.array(MODELS),
        latent=np.array(LATENT),
        measures=np.array(MEASURES),
        table=np.array([row for row, _ in found]).reshape(*shape, len(MEASURES)),
        rivals=np.swapaxes(np.array(rivals).reshape(2, SEEDS, len(RIVALS)), 1, 2),
        rival_names=np.array(RIVALS),
        **stored,
    )


if __name__ == "__main__":
    main()
