import itertools

import numpy as np
import pytest
import torch
from scipy import linalg

from helpers import sgd


@pytest.fixture
def problem():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(5, 3)) * [1.0, 0.5, 2.0]
    return x, rng.normal(size=5), 0.1


def hessian(x, l2):
    return x.T @ x / len(x) + l2 * np.eye(x.shape[1])


def minimum(x, y, l2):
    return np.linalg.solve(hessian(x, l2), x.T @ y / len(x))


def random_matrices(width=4):
    rng = np.random.default_rng(1)
    roots = rng.normal(size=(2, width, 2 * width))
    return [root @ root.T / width for root in roots]


def test_noise_covariance_is_the_spread_of_gradients(problem):
    x, y, l2 = problem
    gradients = np.array([[1.0, 2.0], [3.0, 0.0], [2.0, 4.0]])
    assert np.allclose(sgd.noise_covariance(gradients), np.cov(gradients.T, bias=True), rtol=1e-12)


def test_stationary_covariances_against_scipy():
    A, C = random_matrices()
    step = 0.3 / np.linalg.eigvalsh(A)[-1]
    continuous = linalg.solve_continuous_lyapunov(A, step / 3 * C)
    assert np.allclose(sgd.stationary_covariance(A, C, step, 3, "continuous"), continuous, rtol=1e-10)
    stay = np.eye(4) - step * A
    discrete = linalg.solve_discrete_lyapunov(stay, step**2 / 3 * C)
    assert np.allclose(sgd.stationary_covariance(A, C, step, 3, "discrete"), discrete, rtol=1e-10)


@pytest.mark.parametrize("batch_size", [1, 2])
def test_exact_covariance_is_kept_by_all_minibatches(problem, batch_size):
    x, y, l2 = problem
    step = 0.05
    exact = sgd.stationary_covariance_exact(x, y, l2, step, batch_size)
    m, gradient = minimum(x, y, l2), sgd.ridge_gradient(x, y, l2)
    root = np.linalg.cholesky(exact)
    points = np.sqrt(3) * np.concatenate([root.T, -root.T])  # six points with this covariance around the minimum
    after = np.zeros((3, 3))
    batches = list(itertools.product(range(5), repeat=batch_size))
    for batch in batches:
        moved = m + points - step * gradient(m + points, np.tile(batch, (6, 1)))
        after += (moved - m).T @ (moved - m) / 6 / len(batches)
    assert np.allclose(after, exact, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("keep", [1.0, 0.3])
def test_exact_covariance_with_matrix_momentum_and_noise(problem, keep):
    x, y, l2 = problem
    matrix, noise, step = np.array([[1.0, 0.3, 0.0], [0.1, 2.0, 0.0], [0.0, 0.0, 0.5]]), 0.01 * np.eye(3), 0.03
    m, one = minimum(x, y, l2), np.eye(3)
    state = np.zeros((6, 6))
    for _ in range(2000):  # each example moves weights and velocity, and gives a kick
        after = np.zeros((6, 6))
        for row, target in zip(x, y, strict=True):
            pull = step * matrix @ (np.outer(row, row) + l2 * one)
            kick = -step * matrix @ ((row @ m - target) * row + l2 * m)
            moves = np.block([[one - pull, (1 - keep) * one], [-pull, (1 - keep) * one]])
            kicks = np.concatenate([kick, kick])
            after += (moves @ state @ moves.T + np.outer(kicks, kicks)) / len(x)
        state = after + np.tile(noise, (2, 2))
    exact = sgd.stationary_covariance_exact(x, y, l2, step, 1, matrix, keep, noise)
    assert np.allclose(exact, state[:3, :3], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("batch_size", [1, 3])
def test_variance_ends_at_the_largest_step_size(problem, batch_size):
    x, y, l2 = problem
    edge = sgd.largest_step_size(x, l2, batch_size)
    with pytest.raises(ValueError, match="step_size"):
        sgd.stationary_covariance_exact(x, y, l2, 1.001 * edge, batch_size)
    before, after = (sgd.stationary_covariance_exact(x, y, l2, s * edge, batch_size) for s in (0.999, 0.9999))
    assert np.trace(after) / np.trace(before) == pytest.approx(10, rel=0.05)


def test_exact_covariance_refuses_steps_without_a_variance(problem):
    x, y, l2 = problem
    with pytest.raises(ValueError, match="step_size: got 1.0"):
        sgd.stationary_covariance_exact(x, y, l2, 1.0, 1)


def test_best_step_size():
    C = np.diag([1.0, 3.0])
    assert sgd.best_step_size(C, 10, 100) == pytest.approx(2 * 10 * 2 / (100 * 4))


def test_divergence_against_torch():
    covariance, precision = random_matrices()
    mean = np.arange(4.0)
    q = torch.distributions.MultivariateNormal(torch.tensor(mean), torch.tensor(covariance))
    p = torch.distributions.MultivariateNormal(torch.zeros(4).double(), precision_matrix=torch.tensor(precision))
    assert sgd.kl(covariance, precision, mean) == pytest.approx(float(torch.distributions.kl_divergence(q, p)))
    assert sgd.kl(np.linalg.inv(precision), precision) == pytest.approx(0, abs=1e-12)


def test_divergence_of_estimated_covariances_is_right_on_average():
    rng = np.random.default_rng(2)
    draws = rng.normal(size=(4000, 20, 3))
    found = [sgd.kl(np.cov(sample.T), np.eye(3), samples=20) for sample in draws]
    assert abs(np.mean(found)) < 4 * np.std(found) / np.sqrt(4000)
    assert np.mean([sgd.kl(np.cov(sample.T), np.eye(3)) for sample in draws]) > 0.1


def test_gradients_against_autograd(problem):
    x, y, l2 = problem
    theta, rows = np.random.default_rng(3).normal(size=(2, 3)), np.array([[0, 2, 2], [4, 1, 3]])
    labels = np.sign(y)
    for made, losses in (
        (sgd.ridge_gradient(x, y, l2), lambda w, k: (torch.tensor(y[k]) - torch.tensor(x[k]) @ w) ** 2 / 2),
        (
            sgd.logistic_gradient(x, labels, l2),
            lambda w, k: torch.nn.functional.softplus(-torch.tensor(labels[k]) * (torch.tensor(x[k]) @ w)),
        ),
    ):
        for k in range(2):
            w = torch.tensor(theta[k], requires_grad=True)
            (losses(w, rows[k]).mean() + l2 / 2 * (w**2).sum()).backward()
            assert np.allclose(made(theta, rows)[k], w.grad.numpy(), rtol=1e-12)


def recorded(n, batch_size, steps, scheme):
    seen = []

    def gradient(theta, rows):
        seen.append(rows)
        return theta

    sgd.chains(gradient, np.ones((3, 2)), n, 0.1, batch_size, steps, np.random.default_rng(0), scheme)
    return np.array(seen)


def test_schemes():
    drawn = recorded(4, 3, 200, "with replacement")
    assert any(len(set(rows)) < 3 for rows in drawn[:, 0])
    assert np.all(np.bincount(drawn.ravel()) > 350)
    assert not np.array_equal(drawn[:, 0], drawn[:, 1])
    drawn = recorded(7, 3, 200, "without replacement")
    assert all(len(set(rows)) == 3 for rows in drawn.reshape(-1, 3))
    assert np.all(np.bincount(drawn.ravel()) > 200)
    drawn = recorded(6, 2, 9, "shuffled epochs").transpose(1, 0, 2)
    for chain in drawn:
        for epoch in chain.reshape(3, 6):
            assert sorted(epoch) == list(range(6))
    assert not np.array_equal(drawn[0], drawn[1])
    assert len(set(recorded(7, 3, 2, "shuffled epochs")[:, 0].ravel())) == 6


def test_steps_with_momentum_matrix_and_noise():
    matrix = np.array([[2.0, 1.0], [0.0, 1.0]])
    start = np.array([[1.0, -1.0]])
    ends = sgd.chains(lambda t, _: t, start, 1, 0.1, 1, 3, np.random.default_rng(0), matrix=matrix, keep=0.4)
    theta, velocity = start[0], np.zeros(2)
    for _ in range(3):
        velocity = 0.6 * velocity - 0.1 * matrix @ theta
        theta = theta + velocity
    assert np.allclose(ends[0], theta, rtol=1e-12)
    noise = np.array([[2.0, 0.5], [0.5, 1.0]])
    ends = sgd.chains(lambda t, _: 0 * t, np.zeros((20_000, 2)), 1, 0.1, 1, 4, np.random.default_rng(0), noise=noise)
    assert np.allclose(np.cov(ends.T), 4 * noise, atol=0.25)
    assert not np.allclose(np.cov(ends.T), 4 * noise @ noise, atol=0.25)


def test_many_chains_go_in_parts(problem, monkeypatch):
    x, y, l2 = problem
    monkeypatch.setattr(sgd, "MOST_ROWS", 6)
    gradient, sizes = sgd.ridge_gradient(x, y, l2), []

    def noted(theta, rows):
        sizes.append(rows.size)
        return gradient(theta, rows)

    ends = sgd.chains(noted, np.zeros((10, 3)), 5, 0.1, 2, 5, np.random.default_rng(0))
    assert ends.shape == (10, 3) and len(np.unique(ends[:, 0])) == 10
    assert max(sizes) == 6 and sum(sizes) == 5 * 20


BAD = [
    (lambda A, C: sgd.stationary_covariance(-A, C, 0.1, 1, "discrete"), "A: got the smallest eigenvalue"),
    (lambda A, C: sgd.stationary_covariance(A, C[:3, :3], 0.1, 1, "discrete"), "C: got shape"),
    (lambda A, C: sgd.stationary_covariance(A, C, 0.0, 1, "discrete"), "step_size: got 0.0"),
    (lambda A, C: sgd.stationary_covariance(A, C, 0.1, 0, "discrete"), "batch_size: got 0"),
    (lambda A, C: sgd.stationary_covariance(A, C, 100.0, 1, "discrete"), "step_size: got 100.0"),
    (lambda A, C: sgd.stationary_covariance(np.diag([1.0, 2, 30, 3]), C, 0.1, 1, "discrete"), "step_size: got 0.1"),
    (lambda A, C: sgd.stationary_covariance(A, C, 0.1, 1, "other"), "form: got 'other'"),
    (lambda A, C: sgd.stationary_covariance(A * np.nan, C, 0.1, 1, "discrete"), "A: got nan"),
    (lambda A, C: sgd.stationary_covariance(np.triu(A), C, 0.1, 1, "discrete"), "A: got a matrix"),
    (lambda A, C: sgd.noise_covariance(np.ones(3)), "gradients: got shape"),
    (lambda A, C: sgd.best_step_size(C, 1, 0), "n: got 0"),
    (lambda A, C: sgd.largest_step_size(np.ones((3, 2)), 0, 1), "l2: got 0"),
    (lambda A, C: sgd.stationary_covariance_exact(A, C[0], 0.1, 0.1, 1, np.eye(3)), "matrix: got shape"),
    (lambda A, C: sgd.stationary_covariance_exact(A, C[0], 0.1, 0.1, 1, keep=0), "keep: got 0"),
    (lambda A, C: sgd.stationary_covariance_exact(A, C[0], 0.1, 0.1, 1, noise=-A), "noise: got the smallest"),
    (lambda A, C: sgd.kl(C, A[:3, :3]), "precision: got shape"),
    (lambda A, C: sgd.kl(C, A, np.ones(3)), "mean: got shape"),
    (lambda A, C: sgd.kl(C, A, samples=4), "samples: got 4"),
    (lambda A, C: sgd.ridge_gradient(np.ones((3, 2)), np.ones(2), 0.1), "y: got shape"),
    (lambda A, C: sgd.ridge_gradient(np.ones((3, 2)), np.ones(3), 0), "l2: got 0"),
    (lambda A, C: sgd.logistic_gradient(np.ones((3, 2)), np.zeros(3), 0.1), "y: got labels"),
]


@pytest.mark.parametrize(("call", "words"), BAD, ids=[words for _, words in BAD])
def test_bad_input_is_told_by_name(call, words):
    with pytest.raises(ValueError, match=words.replace("[", r"\[")):
        call(*random_matrices())


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"scheme": "other"}, "scheme: got 'other'"),
        ({"batch_size": 9, "scheme": "without replacement"}, "batch_size: got 9"),
        ({"keep": 0}, "keep: got 0"),
        ({"steps": 0}, "steps: got 0"),
        ({"start": np.ones(2)}, "start: got shape"),
        ({"matrix": np.eye(3)}, "matrix: got shape"),
        ({"noise": -np.eye(2)}, "noise: got the smallest"),
    ],
)
def test_bad_chains_are_told_by_name(changed, words):
    given = {"start": np.ones((2, 2)), "n": 4, "step_size": 0.1, "batch_size": 2, "steps": 3} | changed
    with pytest.raises(ValueError, match=words):
        sgd.chains(lambda theta, _: theta, rng=np.random.default_rng(0), **given)


def test_unit_noise_and_the_minimum_of_its_regression(problem):
    x, y = sgd.unit_noise(*problem[:2])
    assert np.std(y - x @ np.linalg.lstsq(x, y, rcond=None)[0]) == pytest.approx(1, rel=1e-12)
    assert np.allclose(x * problem[1][0], problem[0] * y[0], rtol=1e-12)
    A, found, C = sgd.at_minimum(x, y)
    assert np.allclose(A, hessian(x, 1 / len(x)), rtol=1e-12)
    assert np.allclose(found, minimum(x, y, 1 / len(x)), rtol=1e-12)
    gradients = [sgd.ridge_gradient(x, y, 1 / len(x))(found[None], np.array([[row]]))[0] for row in range(len(x))]
    assert np.allclose(np.mean(gradients, axis=0), 0, atol=1e-12)
    assert np.allclose(C, np.cov(np.transpose(gradients), bias=True), rtol=1e-10)


def test_a_target_without_residuals_has_no_unit_noise(problem):
    with pytest.raises(ValueError, match="y: got a target without residuals"):
        sgd.unit_noise(problem[0], problem[0] @ [1.0, 2.0, 3.0])
