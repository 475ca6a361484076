"""Mean-field guides against torch's distributions and drawn weights; Hamiltonian Monte Carlo by its closed form."""

import numpy as np
import pytest
import torch
from scipy import special

from helpers import softmax, variational


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def guide():
    guide = variational.MeanField((4, 6, 3), 2, generator(), sd=0.3)
    with torch.no_grad():
        for log_sd in guide.log_sds:
            log_sd += 0.3 * torch.randn(log_sd.shape, generator=generator(1))
    return guide


def test_gaussian_kl_is_that_of_torch():
    mean, sd, prior = (torch.rand(5, dtype=torch.float64, generator=generator(k)) + 0.1 for k in range(3))
    pair = torch.distributions.Normal(mean, sd), torch.distributions.Normal(torch.zeros_like(mean), prior)
    expected = torch.distributions.kl_divergence(*pair)
    assert torch.allclose(variational.gaussian_kl(mean, sd, prior), expected, rtol=1e-12)


def test_kl_adds_up_all_weights_with_the_prior_of_their_layer(guide):
    found = guide.kl((torch.tensor([1.0, 2.0]), 0.5))
    for run, first in enumerate((1.0, 2.0)):
        expected = 0
        for mean, log_sd, prior in zip(guide.means, guide.log_sds, (first, 0.5), strict=True):
            ours = torch.distributions.Normal(mean[run], log_sd[run].exp())
            theirs = torch.distributions.Normal(torch.zeros_like(mean[run]), prior)
            expected = expected + torch.distributions.kl_divergence(ours, theirs).sum()
        assert torch.isclose(found[run], expected, rtol=1e-5)


def test_local_reparameterisation_has_the_mean_and_variance_of_drawn_weights():
    guide = variational.MeanField((4, 3), 1, generator(), sd=0.3)
    x = torch.randn(5, 4, generator=generator(3))
    g = generator(5)
    with torch.no_grad():
        local = torch.stack([guide(x, g) for _ in range(20_000)])
        drawn = torch.stack([variational.logits(guide.draw(g), x) for _ in range(20_000)])
    assert torch.allclose(local.mean(0), drawn.mean(0), atol=0.03)
    assert torch.allclose(local.var(0), drawn.var(0), rtol=0.06)
    # examples share drawn weights, and nothing here
    assert abs(np.corrcoef(local[:, 0, 0, 0], local[:, 0, 1, 0])[0, 1]) < 0.03


def test_weights_start_with_a_variance_of_two_over_the_inputs():
    for weights, inputs in zip(variational.start((49, 300, 200), 3, generator()), (50, 301), strict=True):
        assert torch.isclose(weights.var() * inputs, torch.tensor(2.0), rtol=0.05)


def test_logits_are_those_of_a_torch_module():
    weights = variational.start((4, 6, 3), 2, generator())
    x = torch.randn(5, 4, generator=generator(1))
    for run in range(2):
        module = torch.nn.Sequential(torch.nn.Linear(4, 6), torch.nn.ReLU(), torch.nn.Linear(6, 3))
        with torch.no_grad():
            for layer, matrix in zip((module[0], module[2]), weights, strict=True):
                layer.weight.copy_(matrix[run, :-1].T)
                layer.bias.copy_(matrix[run, -1])
            assert torch.allclose(variational.logits(weights, x)[run], module(x), atol=1e-5)


def test_predict_averages_probabilities(guide):
    x = torch.randn(5, 4, generator=generator(1))
    g = generator(7)
    with torch.no_grad():
        expected = torch.stack([torch.softmax(variational.logits(guide.draw(g), x), 2) for _ in range(3)]).mean(0)
    assert torch.allclose(variational.predict(guide, x, 3, generator(7)), expected)


def test_fit_finds_the_posterior_of_a_network_without_hidden_units():
    """For logistic regression with one weight, the optimum by quadrature."""
    x = torch.tensor([[-2.0], [-1.0], [0.5], [1.5], [2.0]])
    y = torch.tensor([0, 1, 0, 1, 1])
    guide = variational.MeanField((1, 2), 1, generator(), sd=0.5)
    variational.fit(guide, x, y, (torch.tensor([1.0]),), 4000, 0.02, 5, generator())
    prior = torch.ones(1, 1, 1)
    nodes, weights = np.polynomial.hermite_e.hermegauss(12)
    # differences of logits are what counts, so the guide of the four weights is judged by its bound on a grid around it
    grid = np.stack(np.meshgrid(*[nodes] * 2), axis=-1).reshape(-1, 2)
    share = np.prod(np.stack(np.meshgrid(*[weights / weights.sum()] * 2), axis=-1).reshape(-1, 2), axis=1)

    def bound(means, log_sds):
        sd = torch.exp(log_sds)
        slope = means[0, 0, 1] - means[0, 0, 0] + torch.sqrt((sd[0, 0] ** 2).sum()) * torch.tensor(grid[:, 0])
        bias = means[0, 1, 1] - means[0, 1, 0] + torch.sqrt((sd[0, 1] ** 2).sum()) * torch.tensor(grid[:, 1])
        gap = (slope[:, None] * x[:, 0] + bias[:, None]) * (2 * y - 1)
        fitted = (torch.tensor(share)[:, None] * torch.nn.functional.logsigmoid(gap)).sum()
        return fitted - variational.gaussian_kl(means, sd, prior).sum()

    means, log_sds = (p.detach().double().requires_grad_(True) for p in (guide.means[0], guide.log_sds[0]))
    reached = bound(means, log_sds)
    best_means, best_log_sds = (torch.zeros(1, 2, 2, dtype=torch.float64, requires_grad=True) for _ in range(2))
    optimiser = torch.optim.LBFGS([best_means, best_log_sds], max_iter=300, line_search_fn="strong_wolfe")

    def closure():
        optimiser.zero_grad()
        loss = -bound(best_means, best_log_sds)
        loss.backward()
        return loss

    optimiser.step(closure)
    best = bound(best_means, best_log_sds)
    assert best - 0.01 < reached <= best + 1e-6


def test_temperature_multiplies_the_kl():
    x, y = torch.zeros(4, 2), torch.tensor([0, 1, 0, 1])
    hot = variational.MeanField((2, 2), 2, generator(), sd=0.1)
    variational.fit(hot, x, y, (1.0,), 2000, 0.05, 4, generator(), torch.tensor([0.1, 1000.0]))
    spreads = hot.log_sds[0].exp().detach()
    # weights of inputs that are 0 are seen by the prior only; the biases by the data, unless it is hot
    assert torch.allclose(spreads[:, :2], torch.ones(2, 2, 2), atol=0.02)
    assert torch.all(spreads[0, 2] < 0.5) and torch.all(spreads[1, 2] > 0.95)


def test_fit_plain_meets_the_ridge_softmax_regression():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(30, 3)), rng.integers(0, 3, 30)
    weights = [torch.zeros(1, 4, 3)]
    inputs = torch.tensor(x, dtype=torch.float32)
    variational.fit_plain(weights, inputs, torch.tensor(y), 0.1, 3000, 0.05, 30, generator())
    expected = softmax.fit(np.column_stack([x, np.ones(30)]), y, 0.1)
    # batches are drawn with replacement, so only near
    assert np.allclose(weights[0][0].numpy(), expected, atol=0.08)


@pytest.mark.parametrize("step, leaps, d", [(1.2, 3, 1), (1.2, 3, 2), (0.5, 7, 100)])
def test_hmc_accepts_as_the_closed_form_says(step, leaps, d):
    rng = np.random.default_rng(0)
    start = rng.normal(size=(4000, d))
    _, rates = variational.hmc(lambda q: (q**2).sum(1) / 2, lambda q: q, start, step, leaps, 1, rng)
    angle = np.arccos(1 - step**2 / 2)
    delta = abs(np.sin(leaps * angle)) * step**2 / (8 * np.sqrt(1 - step**2 / 4))
    expected = 2 * special.betainc(d / 2, d / 2, (1 - delta / np.sqrt(1 + delta**2)) / 2)
    assert abs(rates.mean() - expected) < 4 * rates.std() / np.sqrt(rates.size)


def test_hmc_draws_from_a_gaussian():
    precision = np.linalg.inv([[1, 0.8], [0.8, 2]])
    rng = np.random.default_rng(1)
    places, _ = variational.hmc(
        lambda q: (q @ precision * q).sum(1) / 2, lambda q: q @ precision, np.zeros((200, 2)), 0.4, 5, 200, rng
    )
    assert np.allclose(np.cov(places[50:].reshape(-1, 2).T), [[1, 0.8], [0.8, 2]], atol=0.06)


@pytest.mark.parametrize(
    "call, argument",
    [
        (lambda: variational.MeanField((4,), 1, generator()), "sizes"),
        (lambda: variational.MeanField((4, 2), 0, generator()), "runs"),
        (lambda: variational.MeanField((4, 2), 1, generator(), sd=0), "sd"),
        (lambda: variational.predict(None, None, 0, None), "draws"),
        (lambda: variational.hmc(None, None, None, -1, 3, 3, None), "step"),
        (lambda: variational.hmc(None, None, None, 0.1, 0, 3, None), "leaps"),
        (lambda: variational.hmc(None, None, None, 0.1, 3, 0, None), "draws"),
    ],
)
def test_bad_arguments_are_named(call, argument):
    with pytest.raises(ValueError, match=f"^{argument}: got"):
        call()


@pytest.mark.parametrize("change, argument", [({"steps": 0}, "steps"), ({"rate": -1}, "rate"), ({"batch": 9}, "batch")])
def test_bad_fits_are_named(change, argument):
    settings = {"steps": 1, "rate": 0.1, "batch": 2} | change
    guide = variational.MeanField((2, 2), 1, generator())
    with pytest.raises(ValueError, match=f"^{argument}: got"):
        variational.fit(guide, torch.zeros(4, 2), torch.tensor([0, 1, 0, 1]), (1.0,), **settings, generator=generator())


def test_a_stored_guide_is_the_one_that_was_stored(guide):
    def flat(part, run):
        return np.concatenate([matrix[run].detach().numpy().ravel() for matrix in part])

    for run in range(2):
        again = variational.stored_guide((4, 6, 3), flat(guide.means, run), flat(guide.log_sds, run))
        for found, part in ((again.means, guide.means), (again.log_sds, guide.log_sds)):
            for one, all_runs in zip(found, part, strict=True):
                assert one.shape[0] == 1 and torch.equal(one[0], all_runs[run])
        assert not any(parameter.requires_grad for parameter in again.parameters())
    with pytest.raises(ValueError, match=r"means, log_sds: got 101 numbers; want 102"):
        variational.stored_guide((4, 6, 3), np.zeros(51), np.zeros(50))
