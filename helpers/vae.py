"""A variational autoencoder for counts: encoder, decoder, bound, importance-weighted bound; derived in 1_5 and 1_6.

An image is a row of d counts from 0 to `top`. The decoder turns a code z (latent) into d logits, and each pixel is
binomial: `top` tosses with probability sigmoid(logit). The encoder turns an image into mean and log sd of a Gaussian
guide over its code; the prior of a code is N(0, I). All densities are log probabilities of the counts, in nats.
"""

import math

import torch

from helpers import arguments

TOP = 16  # the digits' pixels are counts from 0 to 16


class Autoencoder(torch.nn.Module):
    """Encoder and decoder with one hidden layer each (SiLU units).

    pixels, latent, hidden   sizes: of an image, of a code, of the hidden layers
    """

    def __init__(self, pixels, latent, hidden):
        super().__init__()
        sizes = arguments.count("pixels", pixels), arguments.count("latent", latent), arguments.count("hidden", hidden)
        pixels, latent, hidden = sizes
        self.latent = latent
        self.encoder = torch.nn.Sequential(
            torch.nn.Linear(pixels, hidden), torch.nn.SiLU(), torch.nn.Linear(hidden, 2 * latent)
        )
        self.decoder = torch.nn.Sequential(
            torch.nn.Linear(latent, hidden), torch.nn.SiLU(), torch.nn.Linear(hidden, pixels)
        )

    def encode(self, counts):
        """Mean and log sd of the guide of each image, both (n, latent)."""
        return self.encoder(counts / TOP).chunk(2, dim=-1)

    def decode(self, codes):
        """Logits (..., pixels) of codes (..., latent)."""
        return self.decoder(codes)

    def log_likelihood(self, codes, counts):
        """log p(counts | codes) summed over pixels, for codes (..., n, latent) and counts (n, pixels), (..., n)."""
        return binomial_log_likelihood(self.decode(codes), counts)


def binomial_log_likelihood(logits, counts):
    """log P(counts | logits) summed over pixels, (...,), for logits (..., d) and counts that broadcast against them."""
    if not torch.all((counts >= 0) & (counts <= TOP)):
        raise ValueError(f"counts: got values from {counts.min():g} to {counts.max():g}; want 0 to {TOP}")
    choices = torch.lgamma(torch.tensor(TOP + 1.0)) - torch.lgamma(counts + 1) - torch.lgamma(TOP - counts + 1)
    return (choices + counts * logits - TOP * torch.nn.functional.softplus(logits)).sum(dim=-1)


def kl(mean, log_sd):
    """KL(N(mean, sd²) || N(0, I)) of each row, (n,). Derived in 1_5, eq. 1.5.2."""
    return (0.5 * (mean**2 + torch.exp(2 * log_sd)) - log_sd - 0.5).sum(dim=-1)


def bound(model, counts, generator, beta=1.0):
    """One draw of the evidence lower bound of each image (n,), with the KL times beta. Derived in 1_5, eq. 1.5.2."""
    mean, log_sd = model.encode(counts)
    codes = mean + torch.exp(log_sd) * torch.randn(mean.shape, generator=generator)
    return model.log_likelihood(codes, counts) - beta * kl(mean, log_sd)


def log_weights(model, counts, draws, generator):
    """log p(counts, z) - log q(z | counts) of `draws` codes for each image, (draws, n)."""
    draws = arguments.count("draws", draws)
    mean, log_sd = model.encode(counts)
    noise = torch.randn((draws, *mean.shape), generator=generator)
    codes = mean + torch.exp(log_sd) * noise
    prior_over_guide = (0.5 * noise**2 + log_sd - 0.5 * codes**2).sum(dim=-1)
    return model.log_likelihood(codes, counts) + prior_over_guide


def importance_bound(model, counts, draws, generator):
    """One draw of the importance-weighted bound (n,): log of the mean of `draws` weights. Derived in 1_6."""
    weights = log_weights(model, counts, draws, generator)
    return torch.logsumexp(weights, dim=0) - math.log(draws)


def fit(model, counts, epochs, rate, batch, generator, beta=1.0, parameters=None):
    """Maximise the bound by Adam, with a step that warms up and falls as a cosine; the model is changed.

    Only `parameters` are fitted, where they are given: those of the encoder, say, for a decoder that stays.
    """
    epochs, batch = arguments.count("epochs", epochs), arguments.count("batch", batch)
    rate, n = arguments.positive("rate", rate), len(counts)
    if batch > n:
        raise ValueError(f"batch: got {batch}; want at most the {n} images")
    steps = epochs * (n // batch)
    parameters = model.parameters() if parameters is None else parameters
    optimiser = torch.optim.Adam(parameters, lr=rate, fused=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, rate, total_steps=steps, pct_start=0.1)
    for _ in range(epochs):
        order = torch.randperm(n, generator=generator)
        for rows in order[: n // batch * batch].reshape(-1, batch):
            optimiser.zero_grad()
            (-bound(model, counts[rows], generator, beta).mean()).backward()
            optimiser.step()
            schedule.step()
