"""The autoencoder's densities against scipy and torch, and its bounds on a model whose evidence is known."""

import numpy as np
import pytest
import torch
from scipy import stats

from helpers import vae


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def model():
    torch.manual_seed(0)
    return vae.Autoencoder(6, 1, 5).double()


COUNTS = torch.tensor([[0, 3, 16, 8, 1, 15], [4, 4, 0, 0, 16, 2]]).double()


def test_binomial_log_likelihood_is_that_of_scipy():
    logits = torch.randn(2, 6, generator=generator()).double()
    expected = stats.binom.logpmf(COUNTS, 16, torch.sigmoid(logits)).sum(axis=1)
    assert np.allclose(vae.binomial_log_likelihood(logits, COUNTS), expected, rtol=1e-6)


def test_kl_is_that_of_torch():
    mean, log_sd = torch.randn(2, 4, 3, generator=generator()).double()
    pair = torch.distributions.Normal(mean, log_sd.exp()), torch.distributions.Normal(0, 1)
    assert torch.allclose(vae.kl(mean, log_sd), torch.distributions.kl_divergence(*pair).sum(dim=1))


def test_encoder_and_decoder_are_the_two_networks():
    torch.manual_seed(1)
    model = vae.Autoencoder(6, 3, 5).double()
    mean, log_sd = model.encode(COUNTS)
    assert torch.equal(torch.cat([mean, log_sd], dim=1), model.encoder(COUNTS / 16)) and mean.shape == (2, 3)
    assert torch.equal(model.decode(mean), model.decoder(mean))


def test_draws_are_those_that_distributions_give_for_the_same_noise():
    torch.manual_seed(1)
    model = vae.Autoencoder(6, 3, 5).double()
    with torch.no_grad():
        guide = torch.distributions.Normal(model.encode(COUNTS)[0], model.encode(COUNTS)[1].exp())
        codes = guide.mean + guide.stddev * torch.randn((4, 2, 3), generator=generator(5))
        fits = torch.distributions.Binomial(16, logits=model.decoder(codes)).log_prob(COUNTS).sum(dim=-1)
        prior = torch.distributions.Normal(0, 1)
        expected = fits + (prior.log_prob(codes) - guide.log_prob(codes)).sum(dim=-1)
        assert torch.allclose(vae.log_weights(model, COUNTS, 4, generator(5)), expected)
        codes = guide.mean + guide.stddev * torch.randn((2, 3), generator=generator(5))
        fits = torch.distributions.Binomial(16, logits=model.decoder(codes)).log_prob(COUNTS).sum(dim=-1)
        expected = fits - torch.distributions.kl_divergence(guide, prior).sum(dim=-1)
        assert torch.allclose(vae.bound(model, COUNTS, generator(5)), expected)


def exact(model):
    """log p of COUNTS by a sum over codes, and the mean and sd of the guide."""
    codes = torch.linspace(-12, 12, 20_001).double()[:, None]
    joint = vae.binomial_log_likelihood(model.decode(codes)[:, None], COUNTS)
    joint = joint + torch.distributions.Normal(0, 1).log_prob(codes)
    return torch.logsumexp(joint, dim=0) + np.log(float(codes[1] - codes[0]))


def test_the_mean_weight_is_the_evidence(model):
    with torch.no_grad():
        weights = torch.exp(vae.log_weights(model, COUNTS, 200_000, generator()) - exact(model))
    error = weights.std(dim=0) / 200_000**0.5
    assert torch.all(torch.abs(weights.mean(dim=0) - 1) < 5 * error)
    assert torch.all(error < 0.05)


def test_bounds_are_ordered(model):
    with torch.no_grad():
        g = generator(1)
        one = torch.stack([vae.bound(model, COUNTS, g) for _ in range(3000)]).mean(dim=0)
        ten = torch.stack([vae.importance_bound(model, COUNTS, 10, g) for _ in range(3000)]).mean(dim=0)
    assert torch.all(one < ten) and torch.all(ten < exact(model) + 0.05)


def test_beta_multiplies_the_kl(model):
    with torch.no_grad():
        whole, half = (vae.bound(model, COUNTS, generator(3), beta) for beta in (1.0, 0.5))
        assert torch.allclose(half - whole, vae.kl(*model.encode(COUNTS)) / 2)


def test_fit_raises_the_bound():
    torch.manual_seed(0)
    model = vae.Autoencoder(6, 1, 5)
    counts = COUNTS.float().repeat(21, 1)  # two images more than four batches
    before = vae.bound(model, counts, generator()).mean()
    vae.fit(model, counts, 60, 0.01, 10, generator())
    assert vae.bound(model, counts, generator()).mean() > before + 20


@pytest.mark.parametrize(
    "call, argument",
    [
        (lambda: vae.Autoencoder(0, 1, 1), "pixels"),
        (lambda: vae.Autoencoder(1, 1.5, 1), "latent"),
        (lambda: vae.binomial_log_likelihood(torch.zeros(1, 2), torch.tensor([[17.0, 0]])), "counts"),
        (lambda: vae.binomial_log_likelihood(torch.zeros(1, 2), torch.tensor([[float("nan"), 0]])), "counts"),
        (lambda: vae.fit(vae.Autoencoder(6, 1, 5), COUNTS.float(), 1, 0.1, 3, generator()), "batch"),
        (lambda: vae.fit(vae.Autoencoder(6, 1, 5), COUNTS.float(), 0, 0.1, 2, generator()), "epochs"),
        (lambda: vae.fit(vae.Autoencoder(6, 1, 5), COUNTS.float(), 1, 0, 2, generator()), "rate"),
        (lambda: vae.importance_bound(vae.Autoencoder(6, 1, 5), COUNTS.float(), 0, generator()), "draws"),
    ],
)
def test_bad_arguments_are_named(call, argument):
    with pytest.raises(ValueError, match=f"^{argument}: got"):
        call()
