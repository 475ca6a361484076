"""Influence against retraining on data that no lecture uses, over several seeds; and bad input."""

import numpy as np
import pytest
import torch

from helpers import influence, softmax

N, D, K = 50, 4, 3


@pytest.fixture(params=[(seed, ridge) for seed in range(3) for ridge in (0.3, 0.01)], ids=str)
def fitted(request):
    seed, ridge = request.param
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(N, D)), rng.integers(K, size=N)
    test_x, test_y = rng.normal(size=(6, D)), rng.integers(K, size=6)
    return x, y, test_x, test_y, ridge, softmax.fit(x, y, ridge)


def upweighted(x, y, ridge, weights, i, eps):
    s = np.ones(N)
    s[i] += N * eps
    return softmax.fit(x, y, ridge, s, weights)


def test_on_params_is_the_derivative_of_the_fit(fitted):
    x, y, _, _, ridge, weights = fitted
    for i in (0, 17, N - 1):
        sides = [upweighted(x, y, ridge, weights, i, eps).ravel() for eps in (1e-5, -1e-5)]
        expected = (sides[0] - sides[1]) / 2e-5
        np.testing.assert_allclose(influence.on_params(weights, x, y, ridge, i), expected, rtol=1e-5, atol=1e-6)


def test_on_loss_is_the_derivative_of_the_test_loss(fitted):
    x, y, test_x, test_y, ridge, weights = fitted
    found = influence.on_loss(weights, x, y, test_x, test_y, ridge)
    assert found.shape == (6, N)
    for i in (3, 20):
        sides = [upweighted(x, y, ridge, weights, i, eps) for eps in (1e-5, -1e-5)]
        losses = [softmax.loss(side, test_x, test_y, ridge) for side in sides]
        np.testing.assert_allclose(found[:, i], (losses[0] - losses[1]) / 2e-5, rtol=1e-5, atol=1e-6)


def test_on_loss_of_more_examples_than_it_takes_at_a_time(fitted):
    x, y, test_x, test_y, ridge, weights = fitted
    copies = influence.CHUNK // N + 2  # of all examples, which changes neither the fit nor the Hessian
    found = influence.on_loss(weights, np.tile(x, (copies, 1)), np.tile(y, copies), test_x, test_y, ridge)
    once = influence.on_loss(weights, x, y, test_x, test_y, ridge)
    np.testing.assert_allclose(found, np.tile(once, copies), rtol=1e-9, atol=1e-12)


def test_of_perturbation_predicts_refits_to_moved_features(fitted):
    x, y, test_x, test_y, ridge, weights = fitted
    i, step = 11, 1e-5
    found = influence.of_perturbation(weights, x, y, test_x[0], test_y[0], ridge, i)
    np.testing.assert_array_equal(found, influence.of_perturbation(weights, x, y, test_x[:1], test_y[:1], ridge, i))
    for j in range(D):
        losses = []
        for sign in (1, -1):
            moved = x.copy()
            moved[i, j] += sign * step
            refit = softmax.fit(moved, y, ridge, start=weights)
            losses.append(softmax.loss(refit, test_x[:1], test_y[:1], ridge)[0])
        np.testing.assert_allclose(found[j] / N, (losses[0] - losses[1]) / (2 * step), rtol=1e-4, atol=1e-8)


def test_of_perturbation_agrees_with_autograd(fitted):
    x, y, test_x, test_y, ridge, weights = fitted
    theta, i = torch.tensor(weights), 5

    def loss(theta, row, label):
        misfit = torch.nn.functional.cross_entropy((row @ theta)[None], torch.tensor([label]))
        return misfit + ridge / 2 * theta.square().sum()

    gradient = torch.func.grad(loss)(theta, torch.tensor(test_x[0]), test_y[0]).flatten()
    mixed = torch.func.jacrev(torch.func.grad(loss), argnums=1)(theta, torch.tensor(x[i]), y[i]).reshape(D * K, D)
    hessian = torch.func.hessian(lambda t: sum(loss(t, torch.tensor(r), c) for r, c in zip(x, y, strict=True)) / N)
    expected = -gradient @ torch.linalg.solve(hessian(theta).reshape(D * K, D * K), mixed)
    found = influence.of_perturbation(weights, x, y, test_x[0], test_y[0], ridge, i)
    np.testing.assert_allclose(found, expected, rtol=1e-9)


def test_leave_one_out_is_a_cold_fit_without_the_row(fitted):
    x, y, _, _, ridge, weights = fitted
    found = influence.leave_one_out(x, y, ridge, weights, [0, 7])
    assert found.shape == (2, D, K)
    for left_out, i in zip(found, (0, 7), strict=True):
        rest_x, rest_y = np.delete(x, i, axis=0), np.delete(y, i)
        assert np.linalg.norm(softmax.gradients(left_out, rest_x, rest_y, ridge).mean(axis=0)) <= 1e-10
        np.testing.assert_allclose(left_out, softmax.fit(rest_x, rest_y, ridge), atol=1e-11)
    assert influence.leave_one_out(x, y, ridge, weights).shape == (N, D, K)


@pytest.mark.parametrize("ridge", [1e-1, 1e-3, 1e-5])
def test_leave_one_out_where_the_fixed_hessian_is_poor(ridge):
    """Few examples and a weak ridge: single examples matter much, and some problems need the careful fit."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(12, 3)), rng.integers(3, size=12)
    weights = softmax.fit(x, y, ridge)
    for i, left_out in enumerate(influence.leave_one_out(x, y, ridge, weights)):
        rest_x, rest_y = np.delete(x, i, axis=0), np.delete(y, i)
        assert np.linalg.norm(softmax.gradients(left_out, rest_x, rest_y, ridge).mean(axis=0)) <= 1e-10


def test_leave_one_out_of_a_problem_that_runs_away():
    """Fixed Newton steps overshoot to infinity here; the careful fit must take over."""
    x, y = np.array([[-2.5], [0.2], [4.9], [-0.1]]), np.array([0, 1, 1, 1])
    (left_out,) = influence.leave_one_out(x, y, 1e-4, softmax.fit(x, y, 1e-4), [1])
    np.testing.assert_allclose(left_out, softmax.fit(x[[0, 2, 3]], y[[0, 2, 3]], 1e-4), rtol=1e-6)


def test_ordinary_problems_never_need_the_careful_fit(fitted, monkeypatch):
    """Or it would repair a Newton step of the wrong sign or size in silence."""
    x, y, _, _, ridge, weights = fitted
    expected = [softmax.fit(np.delete(x, i, axis=0), np.delete(y, i), ridge) for i in (0, 7, 30)]

    def refuse(*arguments, **options):
        raise AssertionError("an ordinary problem was handed to softmax.fit")

    monkeypatch.setattr(softmax, "fit", refuse)
    np.testing.assert_allclose(influence.leave_one_out(x, y, ridge, weights, [0, 7, 30]), expected, atol=1e-11)


def test_each_step_of_leave_one_out_gains_a_digit_or_more(fitted, monkeypatch):
    x, y, _, _, ridge, weights = fitted
    steps, once = [], influence._gradients_without

    def counted(*arguments):
        steps.append(np.linalg.norm(once(*arguments), axis=1).max())
        return once(*arguments)

    monkeypatch.setattr(influence, "_gradients_without", counted)
    influence.leave_one_out(x, y, ridge, weights, [7])
    start = np.linalg.norm(softmax.gradients(weights, x, y, ridge)[7]) / N
    assert steps[0] < 0.2 * start and len(steps) <= 15


def test_the_gradient_behind_leave_one_out_survives_large_logits():
    rng = np.random.default_rng(0)
    x, y, weights = rng.normal(size=(9, 2)), rng.integers(3, size=9), 1e4 * rng.normal(size=(2, 3))
    found = influence._gradients_without(weights.reshape(1, -1), weights, x, y, 0.1, np.array([4]))[0]
    rest = np.delete(np.arange(9), 4)
    np.testing.assert_allclose(found, softmax.gradients(weights, x, y, 0.1)[rest].sum(axis=0) / 9, rtol=1e-9)


def test_newton_step_solves_its_own_system(fitted):
    x, y, _, _, ridge, weights = fitted
    hessian = softmax.hessian(weights, x, ridge)
    for i, stepped in zip((4, 30), influence.newton_step(x, y, ridge, weights, [4, 30]), strict=True):
        own = softmax.hessian(weights, x[[i]], ridge)
        gradient = softmax.gradients(weights, x, y, ridge)[i]
        expected = np.linalg.solve(hessian - own / N, gradient / N)
        np.testing.assert_allclose((stepped - weights).ravel(), expected, rtol=1e-8, atol=1e-12)


def test_leave_one_out_of_the_only_example_of_a_class():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(20, D)), np.append(np.zeros(19, int), 1)
    weights = softmax.fit(x, y, 0.1)
    np.testing.assert_allclose(
        influence.leave_one_out(x, y, 0.1, weights, [19])[0][:, 1],
        softmax.fit(x[:19], y[:19], 0.1, start=np.zeros((D, 2)))[:, 1],
        atol=1e-11,
    )


X, Y, W = np.ones((4, 2)), np.array([0, 1, 2, 1]), np.zeros((2, 3))


def lissa(x=X, right=tuple(range(6)), scale=10, depth=4000, batch=2, repeats=1):
    return influence.lissa(W, x, 0.1, right, scale, depth, batch, repeats, np.random.default_rng(0))


def test_products_with_the_inverse():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(30, D)), rng.integers(3, size=30)
    weights, right = softmax.fit(x, y, 0.1), rng.normal(size=3 * D)
    exact = np.linalg.solve(softmax.hessian(weights, x, 0.1), right)
    by_products = influence.conjugate_gradient(lambda v: softmax.hessian_product(weights, x, 0.1, v), right)
    np.testing.assert_allclose(by_products, exact, rtol=1e-8)
    assert np.all(influence.conjugate_gradient(lambda v: v, np.zeros(3)) == 0)
    estimate = influence.lissa(weights, x, 0.1, right, 10, 2000, 30, 4, rng)
    assert np.linalg.norm(estimate - exact) < 0.2 * np.linalg.norm(exact)
    for wrong in (estimate * 10, estimate / 2, -estimate):
        assert np.linalg.norm(wrong - exact) > 0.2 * np.linalg.norm(exact)


@pytest.mark.parametrize("size", [2.0**-40, 1.0, 2.0**40])
def test_conjugate_gradient_stops_at_the_same_step_whatever_the_size(size):
    rng = np.random.default_rng(0)
    matrix = np.diag(np.linspace(1, 30, 20))
    right, asked = size * rng.normal(size=20), []

    def product(v):
        asked.append(v)
        return matrix @ v

    solution = influence.conjugate_gradient(product, right, rtol=1e-3)
    assert np.linalg.norm(right - matrix @ solution) <= 1e-3 * np.linalg.norm(right)
    assert 5 < len(asked) < 19


def test_conjugate_gradient_asks_for_ten_products_a_parameter_at_most():
    asked = []

    def shifted(v):  # no linear map, so no step is the last
        asked.append(v)
        return v + np.array([0.06, 0.03])

    with pytest.raises(ArithmeticError, match="no residual below 1e-10 after 20 steps"):
        influence.conjugate_gradient(shifted, X[0])
    assert len(asked) == 20


def test_products_with_the_inverse_say_when_they_fail():
    with pytest.raises(ArithmeticError, match="not positive definite: a direction has curvature -1"):
        influence.conjugate_gradient(lambda v: -v, np.array([1.0, 0.0]))
    with pytest.raises(ArithmeticError, match="no residual below 1e-10 after 20 steps"):
        influence.conjugate_gradient(lambda v: v + np.random.default_rng(0).uniform(0, 0.1, 2), X[0])
    with pytest.raises(ArithmeticError, match="LiSSA diverged; take a scale above 0.1"):
        lissa(scale=0.1)


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: influence.on_params(W, X, Y, 1, 4), "index: got 4; want a whole number from 0 to 3"),
        (lambda: influence.on_params(W, X, Y, 1, -1), "index: got -1; want"),
        (lambda: influence.on_params(W, X, Y, 1, 1.0), "index: got 1.0; want"),
        (lambda: influence.on_params(W, X, Y, 1, True), "index: got True; want"),
        (lambda: influence.on_params(W, X, Y, 0, 0), "l2: got 0; want"),
        (lambda: influence.on_params(W, X, Y + 1, 1, 0), "y: got label 3; want labels from 0 to 2"),
        (lambda: influence.on_loss(W, X, Y, X[:, :1], Y, 1), r"test_x: got shape \(4, 1\); want \(any, 2,\)"),
        (lambda: influence.on_loss(W, X, Y, X, Y[:2], 1), r"test_y: got shape \(2,\); want \(4,\)"),
        (lambda: influence.on_loss(W, X, Y, X, Y + 1, 1), "test_y: got label 3; want labels from 0 to 2"),
        (lambda: influence.on_loss(W, X, Y, X * np.inf, Y, 1), r"test_x: got inf at index \(0, 0\)"),
        (lambda: influence.on_loss(W, X * np.nan, Y, X, Y, 1), r"x: got nan at index \(0, 0\)"),
        (lambda: influence.on_loss(W.T, X, Y, X, Y, 1), r"weights: got shape \(3, 2\); want \(2, any,\)"),
        (lambda: influence.of_perturbation(W, X, Y, X, Y, 1, 0), "test_x: got 4 examples; want one"),
        (lambda: influence.of_perturbation(W, X, [0, 9, 0, 0], X[0], 0, 1, 0), "y: got label 9; want"),
        (lambda: influence.of_perturbation(W, X, Y[:2], X[0], 0, 1, 0), r"y: got shape \(2,\); want \(4,\)"),
        (lambda: influence.on_params(W, 5, Y, 1, 0), r"x: got shape \(\); want"),
        (lambda: influence.leave_one_out(X, Y, 1, W, 0), "indices: got 0; want a sequence of whole numbers"),
        (lambda: influence.of_perturbation(W, X, Y, X[0], 3, 1, 0), "test_y: got label 3; want"),
        (lambda: influence.of_perturbation(W, X, Y, X[0], 0, 1, 9), "index: got 9; want"),
        (lambda: influence.leave_one_out(X, Y, 1, W, [0, 4]), "indices: got 4; want a whole number from 0 to 3"),
        (lambda: influence.leave_one_out(X, Y, 1, W[:1], [0]), r"weights: got shape \(1, 3\); want \(2, any,\)"),
        (lambda: influence.leave_one_out(X, Y, -1, W, [0]), "l2: got -1; want"),
        (lambda: influence.leave_one_out(X[:1], Y[:1], 1, W, [0]), "x: got 1 example; want at least 2"),
        (lambda: influence.newton_step(X, Y, 1, W, [-1]), "indices: got -1; want a whole number from 0 to 3"),
        (lambda: influence.newton_step(X, Y, 1, W * np.nan), r"weights: got nan at index \(0, 0\)"),
        (lambda: influence.conjugate_gradient(lambda v: v, X), r"right: got shape \(4, 2\); want \(any,\)"),
        (lambda: influence.conjugate_gradient(lambda v: v, X[0], 0), "rtol: got 0; want"),
        (lambda: influence.conjugate_gradient(lambda v: v, X[0], 1.0), "rtol: got 1; want a number below 1"),
        (lambda: influence.conjugate_gradient(lambda v: v[:1], X[0]), r"product: got shape \(1,\); want \(2,\)"),
        (lambda: influence.conjugate_gradient(lambda v: v * np.nan, X[0]), "product: got nan"),
        (lambda: lissa(batch=5), "batch: got 5; want a whole number from 0 to 4"),
        (lambda: lissa(batch=0), "batch: got 0; want 1 or more"),
        (lambda: lissa(depth=0), "depth: got 0; want 1 or more"),
        (lambda: lissa(repeats=1.5), "repeats: got 1.5; want"),
        (lambda: lissa(scale=0), "scale: got 0; want"),
        (lambda: lissa(right=np.ones(5)), r"right: got shape \(5,\); want \(6,\)"),
        (lambda: lissa(x=X * np.inf), "x: got inf"),
    ],
)
def test_bad_input_is_named(call, text):
    with pytest.raises(ValueError, match=f"^({text})"):
        call()
