"""The small network: its derivatives against differences, its minima against conditions that define them."""

import numpy as np
import pytest
import torch
from scipy.linalg import cho_factor

from helpers import data, network

DIGITS = data.digits()
X, Y = torch.tensor(DIGITS.train_x[:20]), torch.tensor(DIGITS.train_y[:20])
ONE = torch.ones(20, dtype=torch.float64)
RNG = np.random.default_rng(0)
W = network.start(RNG)
ALONG = RNG.normal(size=len(W))


def objective(w):
    return network.objective(w, X, Y, 0.1, ONE)


def difference(function, step=1e-5):
    return (function(W + step * ALONG) - function(W - step * ALONG)) / (2 * step)


def test_640_weights_of_which_biases_start_at_zero():
    assert W.shape == (640,) and np.all(W[-10:] == 0) and not np.any(W[:54] == 0)


def test_weights_start_as_large_as_the_number_of_inputs_asks():
    rng, expected = np.random.default_rng(5), []
    for inputs, outputs in ((9, 6), (54, 6), (24, 10)):
        expected += [rng.normal(size=inputs * outputs) / np.sqrt(inputs), np.zeros(outputs)]
    np.testing.assert_array_equal(network.start(np.random.default_rng(5)), np.concatenate(expected))


def test_the_logits_are_those_of_the_same_network_built_from_torch_modules():
    w = torch.tensor(np.random.default_rng(1).normal(size=640))
    sizes = (54, 6, 324, 6, 240, 10)
    filters, offsets, more_filters, more_offsets, linear, last = w.split(sizes)
    first, more = filters.reshape(3, 3, 1, 6).permute(3, 2, 0, 1), more_filters.reshape(3, 3, 6, 6).permute(3, 2, 0, 1)
    hidden = torch.nn.functional.conv2d(X.reshape(-1, 1, 8, 8), first, offsets)
    hidden = torch.nn.functional.conv2d(torch.tanh(hidden), more, more_offsets, stride=2)
    flat = torch.tanh(hidden).permute(0, 2, 3, 1).reshape(20, 24)
    np.testing.assert_allclose(network.logits(w, X), flat @ linear.reshape(24, 10) + last, atol=1e-12)


def test_the_objective_by_hand():
    p = torch.softmax(network.logits(torch.tensor(W), X), dim=1).numpy()
    losses = -np.log(p[np.arange(20), Y])
    np.testing.assert_allclose(network.cross_entropies(torch.tensor(W), X, Y), losses, rtol=1e-12)
    keep = np.linspace(0, 2, 20)
    found = network.objective(torch.tensor(W), X, Y, 0.3, torch.tensor(keep))
    np.testing.assert_allclose(found, np.mean(keep * (losses + 0.15 * W @ W)), rtol=1e-12)


def test_gradient_and_hessian_against_differences():
    slope = difference(lambda w: network.value_and_gradient(objective, w)[0])
    np.testing.assert_allclose(network.value_and_gradient(objective, W)[1] @ ALONG, slope, rtol=1e-6)
    bent = difference(lambda w: network.value_and_gradient(objective, w)[1])
    np.testing.assert_allclose(network.hessian(objective, W) @ ALONG, bent, atol=1e-6 * np.abs(bent).max())


def test_gradients_of_examples_add_up_to_that_of_the_objective():
    mean = network.gradients(W, X, Y, 0.1).mean(axis=0)
    np.testing.assert_allclose(mean, network.value_and_gradient(objective, W)[1], atol=1e-12)


def test_gauss_newton_is_the_hessian_of_the_divergence():
    fixed = torch.log_softmax(network.logits(torch.tensor(W), X), dim=1)

    def divergence(w):
        return torch.sum(fixed.exp() * (fixed - torch.log_softmax(network.logits(w, X), dim=1)), dim=1).mean()

    np.testing.assert_allclose(network.gauss_newton(W, X), network.hessian(divergence, W), atol=1e-10)


def test_leaving_out_is_fitting_the_rest_and_retraining_finds_it():
    keep = ONE.clone()
    keep[3] = 0
    rest = [i for i in range(20) if i != 3]
    part = network.objective(torch.tensor(W), X[rest], Y[rest], 0.1, ONE[rest]) * 19 / 20
    np.testing.assert_allclose(network.objective(torch.tensor(W), X, Y, 0.1, keep), part)

    def without(w):
        return network.objective(w, X, Y, 0.1, keep)

    w = network.minimise(objective, W, 1e-11)
    assert np.linalg.norm(network.value_and_gradient(objective, w)[1]) <= 1e-11
    retrained = network.retrain(without, w, cho_factor(network.hessian(objective, w)), 1e-11)
    assert np.linalg.norm(network.value_and_gradient(without, retrained)[1]) <= 1e-11
    assert np.linalg.norm(retrained - w) > 1e-3


def bowl(w):
    return torch.sum(torch.arange(1, 4) * w**2) / 2 + torch.sum(w**4)


def test_retraining_close_by_needs_no_search_of_its_own(monkeypatch):
    """Or the search would repair a step of the wrong sign or size in silence."""

    def refuse(*arguments):
        raise AssertionError("an easy retraining was handed to minimise")

    monkeypatch.setattr(network, "minimise", refuse)
    asked, push = [], torch.tensor([0.02, -0.01, 0.03])

    def pushed(w):
        asked.append(w)
        return bowl(w) + push.double() @ w

    found = network.retrain(pushed, np.zeros(3), cho_factor(np.diag([1.0, 2.0, 3.0])), 1e-12)
    assert np.linalg.norm(network.value_and_gradient(pushed, found)[1]) <= 1e-12
    assert 3 < len(asked) < 15


def test_retraining_far_away_is_searched_for():
    def pushed(w):
        return bowl(w) + 9 * w[0]

    found = network.retrain(pushed, np.zeros(3), cho_factor(0.01 * np.eye(3)), 1e-9)
    assert np.linalg.norm(network.value_and_gradient(pushed, found)[1]) <= 1e-9


def test_the_search_ends_at_the_gradient_that_was_asked_for():
    for largest in (1e-3, 1e-12):
        norm = np.linalg.norm(network.value_and_gradient(bowl, network.minimise(bowl, np.ones(3), largest))[1])
        assert norm <= largest


def test_newton_steps_finish_what_the_first_search_leaves():
    """With two steps of L-BFGS the minimum is still far."""
    found = network.minimise(bowl, np.array([3.0, -2.0, 1.0]), 1e-12, steps=2)
    np.testing.assert_allclose(found, 0, atol=1e-12)


def test_a_newton_step_that_overshoots_is_cut():
    found = network.minimise(lambda w: torch.sqrt(1 + w**2).sum(), np.array([30.0, -5.0, 2.0]), 1e-10, steps=1)
    np.testing.assert_allclose(found, 0, atol=1e-10)


def test_a_saddle_is_left():
    def saddle(w):
        return w[0] ** 2 - w[1] ** 2 / 2 + w[1] ** 4 / 4  # flat at the origin, minima at w[1] = -1 and 1

    np.testing.assert_allclose(np.abs(network.minimise(saddle, np.zeros(2), 1e-9)), [0, 1], atol=1e-8)


def test_a_function_without_a_minimum_is_told():
    with pytest.raises(ArithmeticError, match="minimise: the gradient's norm stays at 1"):
        network.minimise(lambda w: w[0], np.zeros(2), 1e-9)


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: network.logits(torch.zeros(639), X), r"w: got shape \(639,\); want \(640,\)"),
        (lambda: network.logits(torch.tensor(W), X[:, :63]), r"x: got shape \(20, 63\); want \(any, 64\)"),
        (lambda: network.objective(torch.tensor(W), X, Y, 0.1, ONE[:2]), r"keep: got shape \(2,\); want \(20,\)"),
    ],
)
def test_bad_input_is_named(call, text):
    with pytest.raises(ValueError, match=text):
        call()
