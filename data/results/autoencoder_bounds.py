"""How far the bound of a variational autoencoder is from the truth, image by image, for lecture 1_6.

Takes about ten minutes on two cores. The binomial model with two numbers for a code (64-200-2-200-64) on the 1,437
training digits, three seeds, after each of EPOCHS rounds. The truth log p(x) is a sum over a grid of codes. For IMAGES
test digits by other writers, and as many training digits: MEASURES, in nats. After the middle number of rounds also the
gap of the importance-weighted bound for K draws of the guide, its standard deviation times each of WIDTHS, exactly (eq.
1.6.3); the same with the posterior replaced by the Gaussian with its mean and covariance around the mode, and the
distance of the guide's mean from the posterior's and the posterior's largest variance, in units of the guide.

Collapse: twenty numbers for a code, Gaussian pixels of a fixed variance or binomial ones with the KL times beta; KL of
each number of the code, three seeds. "linear" is the Gaussian one whose two networks are linear.
"""

import numpy as np
import torch
from scipy import integrate, interpolate, special, stats

from helpers import data, results, vae

SEEDS, IMAGES = 3, 150
EPOCHS = [40, 120, 400]
MEASURES = ["log p", "gap", "best gap", "with the posterior's mean", "with the posterior's spread"]
WIDTHS = np.array([0.7, 1.0, 1.4, 2.0, 2.8, 4.0, 5.6])
DRAWS = np.array([1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000])
VARIANCES = [2.0, 5.0, 10.0, 20.0, 40.0, 60.0, 100.0, 150.0, 200.0]
BETAS = [0.25, 1.0, 4.0, 16.0, 40.0]

torch.set_num_threads(1)
AXIS = torch.linspace(-8, 8, 401)
STEP = 0.2  # of the logarithm of t in eq. 1.6.3; 0.1 changes no gap by 1e-6


def choices(counts):
    return (torch.lgamma(torch.tensor(17.0)) - torch.lgamma(counts + 1) - torch.lgamma(17 - counts)).sum(dim=1)


def truth(model, counts):
    """log p of each image (n,), by a sum over a grid of codes, and the code of that grid at the top (n, 2)."""
    codes = torch.cartesian_prod(AXIS, AXIS)
    total = torch.full((len(counts),), -torch.inf, dtype=torch.float64)
    best, top = torch.full((len(counts),), -torch.inf), torch.zeros(len(counts), 2)
    for part in codes.split(8000):
        logits = model.decode(part)
        tosses = 16 * torch.nn.functional.softplus(logits).sum(dim=1, keepdim=True)
        scores = logits @ counts.T - tosses - (part**2).sum(dim=1, keepdim=True) / 2
        height, place = scores.max(dim=0)
        top[height > best] = part[place[height > best]]
        best = torch.maximum(best, height)
        total = torch.logaddexp(total, torch.logsumexp(scores.double(), dim=0))
    total = total + 2 * np.log(float(AXIS[1] - AXIS[0])) - np.log(2 * np.pi)
    return (total + choices(counts)).numpy(), top


def around_the_mode(model, counts, top):
    """Mean (n, 2) and covariance (n, 2, 2) of each posterior within 0.6 of its mode."""
    step = torch.linspace(-0.6, 0.6, 121)
    offsets = torch.cartesian_prod(step, step)
    offsets = offsets[(offsets**2).sum(dim=1) <= 0.36]
    means, covariances = [], []
    for count, middle in zip(counts, top, strict=True):
        codes = middle + offsets
        logs = (model.log_likelihood(codes, count) - (codes**2).sum(dim=1) / 2).double()
        shares = torch.softmax(logs, dim=0).numpy()
        mean = shares @ codes.double().numpy()
        away = codes.double().numpy() - mean
        means.append(mean)
        covariances.append(away.T @ (shares[:, None] * away))
    return np.array(means), np.array(covariances)


def nodes(each):
    """Gaussian nodes for two numbers (each**2, 2), and their shares."""
    places, weights = np.polynomial.hermite_e.hermegauss(each)
    pairs = np.stack(np.meshgrid(places, places), axis=-1).reshape(-1, 2)
    return torch.tensor(pairs).float(), torch.tensor(np.outer(weights, weights).ravel() / weights.sum() ** 2)


def bound(model, counts, mean, log_sd, each=20):
    """The bound of each image (n,), by Gaussian nodes placed at the guide."""
    pairs, shares = nodes(each)
    codes = mean + torch.exp(log_sd) * pairs[:, None]
    return shares @ model.log_likelihood(codes, counts).double() - vae.kl(mean.double(), log_sd.double())


def best_bound(model, counts, starts):
    """The largest bound of each image over all guides N(mean, diagonal), the best over the starts (mean, log sd)."""
    found = []
    for mean, log_sd in starts:
        parameters = [mean.clone().requires_grad_(True), log_sd.clone().requires_grad_(True)]
        optimiser = torch.optim.Adam(parameters, lr=0.02)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, 150)
        for _ in range(150):
            optimiser.zero_grad()
            (-bound(model, counts, *parameters, each=8).sum()).backward()
            optimiser.step()
            schedule.step()
        with torch.no_grad():
            found.append(bound(model, counts, *parameters))
    return torch.maximum(*found)


def gaps(log_weights, log_shares, draws):
    """log E w - E log(mean of K weights) for each K, by eq. 1.6.3; the weights are scaled to a true mean of 1."""
    share = np.exp(log_shares - special.logsumexp(log_shares))
    # far up, where only the smallest weights count, the integrand changes slowly
    top = max(61, 10 - np.min(log_weights[log_shares > log_shares.max() - 18]))
    scale = np.concatenate([np.arange(-35, 60, STEP), 60 + np.geomspace(STEP, top - 60, 150) - STEP])
    phi = interpolate.CubicSpline(
        scale, [np.log(-log_mean_exp(np.exp(np.minimum(u + log_weights, 700)), share)) for u in scale]
    )
    at = scale[scale > -25]
    return [
        integrate.trapezoid(np.exp(-np.exp(power(phi, at, k))) - np.exp(-np.exp(np.minimum(at, 700))), at)
        for k in draws
    ]


def power(phi, at, k):
    """log of minus the logarithm of the mean of exp(-s w) to the power k, at s = exp(at) / k."""
    return np.minimum(np.log(k) + phi(at - np.log(k)), 700)


def log_mean_exp(x, share):
    """log of the mean of exp(-x), without loss where it is near 1."""
    mean = share @ np.expm1(-x)
    return np.log1p(mean) if mean > -0.5 else special.logsumexp(-x, b=share)


def places_of(width):
    """Places on a grid, in standard deviations of the guide, and the logarithms of their shares but for a constant."""
    side = np.linspace(-6, 6, 1 + 2 * int(24 * max(1, width / 2.8)))  # the posterior must not fall between the places
    places = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
    return places, -np.sum(places**2, axis=1) / 2


def gaps_of_images(model, counts, log_p, means, covariances):
    """Gaps (widths, images, draws); those of the Gaussian posteriors (images, draws); of each image the distance of the
    means and the largest variance of the posterior, both in the guide's units (images,)."""
    mean, log_sd = model.encode(counts)
    found, twins = np.empty((len(WIDTHS), len(counts), len(DRAWS))), np.empty((len(counts), len(DRAWS)))
    for i, count in enumerate(counts):
        for j, width in enumerate(WIDTHS):
            sd = width * torch.exp(log_sd[i])
            places, log_shares = places_of(width)
            codes = mean[i] + sd * torch.tensor(places).float()
            own = log_shares - np.log(2 * np.pi) - float(torch.log(sd).sum())
            joint = model.log_likelihood(codes, count).double().numpy() + log_normal(codes.double().numpy())
            found[j, i] = gaps(joint - own - log_p[i], log_shares, DRAWS)
            if width == 1:
                posterior = stats.multivariate_normal(means[i], covariances[i])
                twins[i] = gaps(posterior.logpdf(codes.double().numpy()) - own, log_shares, DRAWS)
    sds = np.exp(log_sd.double().numpy())
    away = np.linalg.norm((mean.double().numpy() - means) / sds, axis=1)
    return found, twins, away, np.linalg.eigvalsh(covariances / sds[:, :, None] / sds[:, None])[:, -1]


def log_normal(codes):
    return -np.sum(codes**2, axis=-1) / 2 - codes.shape[-1] / 2 * np.log(2 * np.pi)


def measured(model, counts):
    """MEASURES of each image (measures, images), and log p, means and covariances of the posteriors."""
    log_p, top = truth(model, counts)
    means, covariances = around_the_mode(model, counts, top)
    middle = torch.tensor(means).float()
    spread = torch.tensor(np.log(np.sqrt(np.diagonal(covariances, axis1=1, axis2=2)))).float()
    mean, log_sd = model.encode(counts)
    best = best_bound(model, counts, [(middle, spread), (mean, log_sd)])
    bounds = [bound(model, counts, mean, log_sd), best]
    bounds += [bound(model, counts, middle, log_sd), bound(model, counts, mean, spread)]
    return np.array([log_p, *(log_p - found.numpy() for found in bounds)]), means, covariances


class Gaussian(vae.Autoencoder):
    """Pixels that are Gaussian with a fixed variance, in counts."""

    def __init__(self, variance, linear):
        super().__init__(64, 20, 200)
        self.variance = variance
        if linear:
            self.encoder, self.decoder = torch.nn.Linear(64, 40), torch.nn.Linear(20, 64)

    def log_likelihood(self, codes, counts):
        return -((counts - self.decode(codes)) ** 2).sum(dim=-1) / (2 * self.variance)


def costs(model, counts, beta, seed):
    """KL of each number of the code after a fit, averaged over the images, the largest first (20,)."""
    vae.fit(model, counts, 120, 3e-3, 64, torch.Generator().manual_seed(seed), beta)
    with torch.no_grad():
        mean, log_sd = model.encode(counts)
        each = (mean**2 + torch.exp(2 * log_sd)) / 2 - log_sd - 0.5
    return np.sort(each.mean(dim=0).numpy())[::-1]


def of_seed(seed):
    """Everything that is stored for one seed, by name."""
    torch.set_num_threads(1)
    digits = data.digits()
    counts, test_counts = (torch.tensor(np.round(16 * x), dtype=torch.float32) for x in (digits.train_x, digits.test_x))
    found = {"parts": np.empty((len(EPOCHS), 2, len(MEASURES), IMAGES))}
    for e, epochs in enumerate(EPOCHS):
        torch.manual_seed(seed)
        model = vae.Autoencoder(64, 2, 200)
        if seed == 0 and epochs == 120:  # the one that lecture 1_5 draws
            flat = results.load("autoencoders", raw(digits))["model_2"]
            torch.nn.utils.vector_to_parameters(torch.tensor(flat), model.parameters())
        else:
            vae.fit(model, counts, epochs, 3e-3, 64, torch.Generator().manual_seed(seed))
        model.requires_grad_(False)
        for s, images in enumerate((counts[:IMAGES], test_counts[:IMAGES])):
            found["parts"][e, s], means, covariances = measured(model, images)
        if epochs == 120:
            log_p = found["parts"][e, 1, 0]
            of_images = gaps_of_images(model, test_counts[:IMAGES], log_p, means, covariances)
            found |= dict(zip(("gaps", "twins", "distances", "ratios"), of_images, strict=True))
    found |= {"gaussian": [], "linear": [], "binomial": []}
    for variance in VARIANCES:
        for name in ("gaussian", "linear"):
            torch.manual_seed(seed)
            found[name].append(costs(Gaussian(variance, name == "linear"), counts, 1.0, seed))
    for beta in BETAS:
        torch.manual_seed(seed)
        found["binomial"].append(costs(vae.Autoencoder(64, 20, 200), counts, beta, seed))
    return found


def raw(digits):
    return [digits.train_x, digits.train_y, digits.test_x, digits.test_y]


def main():
    found = results.sweep(of_seed, [(seed,) for seed in range(SEEDS)])
    results.save(
        "autoencoder_bounds",
        raw(data.digits()),
        epochs=np.array(EPOCHS),
        measures=np.array(MEASURES),
        widths=WIDTHS,
        draws=DRAWS,
        variances=np.array(VARIANCES),
        betas=np.array(BETAS),
        **{name: np.array([one[name] for one in found]).astype(np.float32) for name in found[0]},
    )


if __name__ == "__main__":
    main()
