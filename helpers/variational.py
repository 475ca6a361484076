"""Gaussian guides for the weights of a network, and Hamiltonian Monte Carlo: what lectures 1_2, 1_4 and 1_7 share.

Many networks are fitted at once: they are the first axis of every array. A bias is the weight of an input that is
always 1, so layer l of sizes (d, ..., K) has weights (runs, inputs + 1, outputs). Hidden units are ReLUs, outputs are
logits.
"""

import numpy as np
import torch

from helpers import arguments


def gaussian_kl(mean, sd, prior_sd):
    """KL(N(mean, sd²) || N(0, prior_sd²)) in nats, entry by entry. Derived in 1_4, eq. 1.4.1."""
    return torch.log(prior_sd / sd) + (sd**2 + mean**2) / (2 * prior_sd**2) - 0.5


class MeanField(torch.nn.Module):
    """A guide that draws each weight of a network on its own, from N(mean, exp(log_sd)²).

    sizes       units of each layer, inputs first
    runs        how many guides are fitted at once
    generator   torch generator of the means at the start, which are scaled by the number of inputs
    """

    def __init__(self, sizes, runs, generator, sd=0.05):
        super().__init__()
        sd = arguments.positive("sd", sd)
        self.means = torch.nn.ParameterList(start(sizes, runs, generator))
        self.log_sds = torch.nn.ParameterList([torch.full_like(mean, float(np.log(sd))) for mean in self.means])

    def forward(self, x, generator):
        """Logits (runs, n, K) of x (n, d) or (runs, n, d), by local reparameterisation. Derived in 1_4, eq. 1.4.4."""
        for layer, (mean, log_sd) in enumerate(zip(self.means, self.log_sds, strict=True)):
            x = with_ones(x if layer == 0 else torch.relu(x))
            spread = torch.sqrt(x**2 @ torch.exp(2 * log_sd))
            x = x @ mean + spread * torch.randn(spread.shape, generator=generator)
        return x

    def draw(self, generator):
        """The weights of one network a run, a list of tensors like the means."""
        pairs = zip(self.means, self.log_sds, strict=True)
        return [mean + torch.exp(log_sd) * torch.randn(mean.shape, generator=generator) for mean, log_sd in pairs]

    def kl(self, prior_sds):
        """KL of each guide from its prior (runs,); prior_sds (runs,) or a number, one for each layer."""
        parts = zip(self.means, self.log_sds, prior_sds, strict=True)
        return sum(
            gaussian_kl(mean, torch.exp(log_sd), torch.as_tensor(prior).reshape(-1, 1, 1)).sum(dim=(1, 2))
            for mean, log_sd, prior in parts
        )


def stored_guide(sizes, means, log_sds):
    """The guide of one run with these means and log standard deviations, flat, layer after layer."""
    guide = MeanField(sizes, 1, torch.Generator())
    kept = np.concatenate([np.asarray(means, dtype=np.float32), np.asarray(log_sds, dtype=np.float32)])
    wanted = sum(parameter.numel() for parameter in guide.parameters())
    if kept.size != wanted:
        raise ValueError(f"means, log_sds: got {kept.size} numbers; want {wanted} for layers of {sizes}")
    torch.nn.utils.vector_to_parameters(torch.as_tensor(kept), guide.parameters())
    return guide.requires_grad_(False)


def start(sizes, runs, generator):
    """Random weights, a list of (runs, inputs + 1, outputs), with variance 2 / (inputs + 1)."""
    if len(sizes) < 2:
        raise ValueError(f"sizes: got {sizes!r}; want the units of at least two layers")
    arguments.count("runs", runs)
    shapes = [(runs, inputs + 1, outputs) for inputs, outputs in zip(sizes[:-1], sizes[1:], strict=True)]
    return [torch.randn(shape, generator=generator) * (2 / shape[1]) ** 0.5 for shape in shapes]


def with_ones(x):
    """x with a last input that is always 1."""
    return torch.nn.functional.pad(x, (0, 1), value=1.0)


def logits(weights, x):
    """Logits (runs, n, K) of networks with these weights, a list of (runs, inputs + 1, outputs)."""
    for layer, matrix in enumerate(weights):
        x = with_ones(x if layer == 0 else torch.relu(x)) @ matrix
    return x


def predict(guide, x, draws, generator):
    """Probabilities (runs, n, K): the mean over `draws` networks of each guide. Derived in 1_4, sections 1 and 2."""
    draws = arguments.count("draws", draws)
    with torch.no_grad():
        return sum(torch.softmax(logits(guide.draw(generator), x), dim=2) for _ in range(draws)) / draws


def log_likelihood(scores, y):
    """Log probability (runs, n) of labels y (n,) or (runs, n) under logits (runs, n, K)."""
    y = y.expand(scores.shape[:2])
    return torch.log_softmax(scores, dim=2).gather(2, y[..., None])[..., 0]


def fit(guide, x, y, prior_sds, steps, rate, batch, generator, temperature=1.0):
    """Maximise the bound of each guide by Adam, with a step that falls as a cosine; the guide is changed.

    The data x (n, d), y (n,), or with a first axis of runs. A batch stands for all n examples (eq. 1.4.3), the KL is
    multiplied by `temperature` (1 is Bayes), and both are divided by n.
    """
    temperature, n = torch.as_tensor(temperature), y.shape[-1]

    def loss(rows):
        fitted = log_likelihood(guide(x[..., rows, :], generator), y[..., rows]).mean(dim=1)
        return (temperature * guide.kl(prior_sds) / n - fitted).sum()

    descend(list(guide.parameters()), loss, n, steps, rate, batch, generator)


def fit_plain(weights, x, y, decay, steps, rate, batch, generator):
    """Fit plain networks in the same way, with loss cross-entropy + decay/2 |weights|²; the weights are changed."""

    def loss(rows):
        fitted = log_likelihood(logits(weights, x[..., rows, :]), y[..., rows]).mean(dim=1)
        squares = sum((matrix**2).sum(dim=(1, 2)) for matrix in weights)
        return (torch.as_tensor(decay) / 2 * squares - fitted).sum()

    for matrix in weights:
        matrix.requires_grad_(True)
    descend(weights, loss, y.shape[-1], steps, rate, batch, generator)
    for matrix in weights:
        matrix.requires_grad_(False)


def descend(parameters, loss, n, steps, rate, batch, generator):
    """Minimise by Adam, with a step that falls as a cosine; the parameters are changed.

    loss   function of the rows of a batch, drawn from n with replacement, that returns a scalar tensor
    """
    steps, batch, rate = (
        arguments.count("steps", steps),
        arguments.count("batch", batch),
        arguments.positive("rate", rate),
    )
    if batch > n:
        raise ValueError(f"batch: got {batch}; want at most the {n} examples")
    optimiser = torch.optim.Adam(parameters, lr=rate, fused=True)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    for _ in range(steps):
        optimiser.zero_grad()
        loss(torch.randint(n, (batch,), generator=generator)).backward()
        optimiser.step()
        schedule.step()


def hmc(height, slope, q, step, leaps, draws, rng):
    """Hamiltonian Monte Carlo with many chains at once. Derived in 1_2, section 3.

    height   function of q (chains, D): minus the log density, but for a constant, (chains,)
    slope    its gradient, (chains, D)
    q        where the chains begin, (chains, D)

    Returns draws (draws, chains, D) and probabilities of acceptance (draws, chains).
    """
    step, leaps, draws = (
        arguments.positive("step", step),
        arguments.count("leaps", leaps),
        arguments.count("draws", draws),
    )
    places, rates = [], []
    for _ in range(draws):
        p = rng.normal(size=q.shape)
        new, rolled = q, p - step / 2 * slope(q)
        for leap in range(leaps):
            new = new + step * rolled
            rolled = rolled - (step if leap < leaps - 1 else step / 2) * slope(new)
        gain = height(new) - height(q) + np.sum(rolled**2 - p**2, axis=1) / 2
        rates.append(np.exp(-np.maximum(gain, 0)))
        accepted = rng.uniform(size=len(q)) < rates[-1]
        q = np.where(accepted[:, None], new, q)
        places.append(q)
    return np.array(places), np.array(rates)
