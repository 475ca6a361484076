"""The model against automatic differentiation, against scikit-learn, and against bad input."""

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression

from helpers import data, softmax

N, D, K, RIDGE = 60, 5, 3, 0.02


@pytest.fixture(params=range(3))
def problem(request):
    rng = np.random.default_rng(request.param)
    return rng.normal(size=(N, D)), rng.integers(K, size=N), rng.normal(size=(D, K)), rng


def torch_losses(theta, x, y):
    misfit = torch.nn.functional.cross_entropy(torch.tensor(x) @ theta, torch.tensor(y), reduction="none")
    return misfit + RIDGE / 2 * theta.square().sum()


def test_loss_gradients_and_hessian_agree_with_autograd(problem):
    x, y, weights, rng = problem
    theta = torch.tensor(weights)
    np.testing.assert_allclose(softmax.loss(weights, x, y, RIDGE), torch_losses(theta, x, y), rtol=1e-12)
    jacobian = torch.func.jacrev(torch_losses)(theta, x, y).reshape(N, -1)
    np.testing.assert_allclose(softmax.gradients(weights, x, y, RIDGE), jacobian, rtol=1e-10, atol=1e-12)
    logits = torch.tensor(x @ weights, requires_grad=True)
    torch.nn.functional.cross_entropy(logits, torch.tensor(y), reduction="sum").backward()
    np.testing.assert_allclose(softmax.residuals(weights, x, y), logits.grad, rtol=1e-10, atol=1e-14)
    second = torch.func.hessian(lambda t: torch_losses(t, x, y).mean())(theta).reshape(D * K, D * K)
    np.testing.assert_allclose(softmax.hessian(weights, x, RIDGE), second, rtol=1e-10, atol=1e-12)
    vector = rng.normal(size=D * K)
    np.testing.assert_allclose(softmax.hessian_product(weights, x, RIDGE, vector), second.numpy() @ vector, rtol=1e-10)


def test_fit_is_a_minimum_of_the_stated_objective(problem):
    x, y, start, rng = problem
    s = rng.uniform(0, 2, size=N)
    weights = softmax.fit(x, y, RIDGE, s, start)
    theta = torch.tensor(weights, requires_grad=True)
    (torch_losses(theta, x, y) * torch.tensor(s)).mean().backward()
    assert theta.grad.norm() <= 1e-10


def test_fit_agrees_with_scikit_learn(problem):
    x, y, _, _ = problem
    theirs = LogisticRegression(C=1 / (N * RIDGE), fit_intercept=False, tol=1e-10, max_iter=10_000).fit(x, y)
    np.testing.assert_allclose(softmax.fit(x, y, RIDGE), theirs.coef_.T, atol=1e-6)


def test_fit_from_anywhere_is_the_same(problem):
    x, y, start, _ = problem
    np.testing.assert_allclose(softmax.fit(x, y, RIDGE, start=20 * start), softmax.fit(x, y, RIDGE), atol=1e-11)


def test_weights_are_counts(problem):
    x, y, _, rng = problem
    counts = rng.integers(0, 3, size=N)
    rows = np.repeat(np.arange(N), counts)
    repeated = softmax.fit(x[rows], y[rows], RIDGE, start=np.zeros((D, K)))
    np.testing.assert_allclose(softmax.fit(x, y, RIDGE, counts), repeated, atol=1e-11)


@pytest.mark.parametrize("ridge", [1.0, 1e-2, 1e-4, 1e-6])
def test_fit_on_digits_reaches_rounding(ridge):
    digits = data.digits()
    weights = softmax.fit(digits.train_x, digits.train_y, ridge)
    assert np.linalg.norm(softmax.gradients(weights, digits.train_x, digits.train_y, ridge).mean(axis=0)) <= 1e-10


def test_a_fit_that_rounding_prevents_is_told():
    rng = np.random.default_rng(0)
    with pytest.raises(ArithmeticError, match="scale features"):
        softmax.fit(1e9 * rng.normal(size=(N, D)), rng.integers(K, size=N), RIDGE)


@pytest.mark.parametrize(("feature", "ridge"), [(1e4, 0.01), (3600.0, 1.0), (13000.0, 0.01)])
def test_a_fit_at_the_edge_of_rounding_ends(feature, ridge):
    softmax.fit([[feature]], [1], ridge)


def test_a_far_start_finds_the_way_back():
    rng = np.random.default_rng(0)
    x, y = 100 * rng.normal(size=(30, 3)), np.arange(30) % 3
    far = softmax.fit(x, y, 1e-8, start=10 * rng.normal(size=(3, 3)))
    np.testing.assert_allclose(far, softmax.fit(x, y, 1e-8), rtol=1e-2, atol=1e-3)


def test_arguments_are_left_as_they_were(problem):
    x, y, start, rng = problem
    s = rng.uniform(0, 2, size=N)
    before = [np.copy(given) for given in (x, y, s, start)]
    softmax.fit(x, y, RIDGE, s, start)
    for given, copy in zip((x, y, s, start), before, strict=True):
        np.testing.assert_array_equal(given, copy)


X, Y, W = np.ones((4, 2)), np.array([0, 1, 2, 1]), np.zeros((2, 3))
NAN = np.array([[1, 1], [1, np.nan], [1, 1], [1, 1.0]])


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: softmax.fit(X[0], Y, 1), r"x: got shape \(2,\); want \(any, any,\)"),
        (lambda: softmax.fit(X[:0], Y[:0], 1), r"x: got shape \(0, 2\); want .* no empty axis"),
        (lambda: softmax.fit(NAN, Y, 1), r"x: got nan at index \(1, 1\); want finite"),
        (lambda: softmax.fit([["a", "b"]], [0], 1), "x: got list that is not an array of real numbers"),
        (lambda: softmax.fit([[1, 2], [3]], [0, 1], 1), "x: got list that is not an array of real numbers"),
        (lambda: softmax.fit(X, Y[:3], 1), r"y: got shape \(3,\); want \(4,\)"),
        (lambda: softmax.fit(X, Y - 1, 1), "y: got label -1; want labels from 0 to 99999"),
        (lambda: softmax.fit(X, [0, 1, 2, 1e19], 1), r"y: got label 1e\+19; want labels from 0 to 99999"),
        (lambda: softmax.fit(X, None, 1), "y: got NoneType that is not an array of real numbers|y: got shape"),
        (lambda: softmax.loss(W, X, None, 1), "y: got"),
        (lambda: softmax.gradients(W, X, None, 1), "y: got"),
        (lambda: softmax.residuals(W, X, Y[:-1]), r"y: got shape \(3,\); want \(4,\)"),
        (lambda: softmax.residuals(W.T, X, Y), r"x: got shape \(4, 2\); want \(any, 3,\)"),
        (lambda: softmax.fit(X + 1j, Y, 1), "x: got ndarray that is not an array of real numbers"),
        (lambda: softmax.fit(X * 1e200, Y, 1), r"x: got 1e\+200; want numbers of size 1e\+100 or less"),
        (lambda: softmax.fit(np.ma.masked_equal(X, 1), Y, 1), "x: got MaskedArray that is not .* masked"),
        (lambda: softmax.fit(X, Y, True), "l2: got True; want"),
        (lambda: softmax.fit(X, Y + 0.5, 1), "y: got 0.5; want whole-number labels"),
        (lambda: softmax.fit(X, Y, 1, start=W[:, :2]), "y: got label 2; want labels from 0 to 1"),
        (lambda: softmax.fit(X, Y, 1, start=W.T), r"start: got shape \(3, 2\); want \(2, any,\)"),
        (lambda: softmax.fit(X, Y, 0), "l2: got 0; want a finite number larger than 0"),
        (lambda: softmax.fit(X, Y, -1.0), "l2: got -1.0; want"),
        (lambda: softmax.fit(X, Y, np.nan), "l2: got nan; want"),
        (lambda: softmax.fit(X, Y, "1"), "l2: got '1'; want"),
        (lambda: softmax.fit(X, Y, 1, sample_weight=[1, 1]), r"sample_weight: got shape \(2,\); want \(4,\)"),
        (lambda: softmax.fit(X, Y, 1, sample_weight=[1, 1, 1, -1]), "sample_weight: got values from -1 to 1; want 0"),
        (lambda: softmax.fit(X, Y, 1, sample_weight=[0, 0, 0, 0]), "sample_weight: got values from 0 to 0; want"),
        (lambda: softmax.fit(X, Y, 1, sample_weight=[1, 1, 1, np.inf]), "sample_weight: got inf at index"),
        (lambda: softmax.loss(W, X[:, :1], Y, 1), r"x: got shape \(4, 1\); want \(any, 2,\)"),
        (lambda: softmax.loss(W, X, Y + 1, 1), "y: got label 3; want labels from 0 to 2"),
        (lambda: softmax.gradients(W + np.nan, X, Y, 1), r"weights: got nan at index \(0, 0\); want finite"),
        (lambda: softmax.gradients(W[0], X, Y, 1), r"weights: got shape \(3,\); want \(any, any,\)"),
        (lambda: softmax.hessian(W, X, -1), "l2: got -1; want"),
        (lambda: softmax.hessian_product(W, X, 1, np.ones(5)), r"vector: got shape \(5,\); want \(6,\)"),
    ],
)
def test_bad_input_is_named(call, text):
    with pytest.raises(ValueError, match=f"^({text})"):
        call()
