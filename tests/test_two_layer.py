"""The population loss against samples, autograd and differences; descent, and what is refused."""

import numpy as np
import pytest
import torch

from helpers import two_layer

RNG = np.random.default_rng(0)
V, U = RNG.normal(size=(5, 7)), RNG.normal(size=(4, 7))


def by_torch(v, u):
    """The half loss with the angle masked where two rows are the same one."""

    def sums(a, b, own):
        lengths, others = a.norm(dim=1), b.norm(dim=1)
        cosine = (a @ b.T) / lengths[:, None] / others
        if own:  # arccos has no derivative at 1; the diagonal is K(v, v) = |v|²/2
            cosine = cosine - torch.diag(torch.diag(cosine))
        angle = torch.acos(cosine)
        kernel = lengths[:, None] * others * (torch.sin(angle) + (np.pi - angle) * cosine) / (2 * np.pi)
        if own:
            kernel = kernel - torch.diag(torch.diag(kernel)) + torch.diag(lengths**2 / 2)
        return kernel.sum()

    return sums(v, v, True) / 2 - sums(v, u, False) + sums(u, u, True) / 2


def test_kernel_is_the_mean_over_inputs():
    x = np.random.default_rng(1).normal(size=(400_000, 7))
    sampled = np.maximum(x @ V.T, 0)[:, :, None] * np.maximum(x @ U.T, 0)[:, None, :]
    error = sampled.std(axis=0) / np.sqrt(len(x))
    assert np.all(np.abs(sampled.mean(axis=0) - two_layer.kernel(V, U)) < 4.5 * error)
    assert np.allclose(np.diag(two_layer.kernel(V, V)), np.sum(V**2, axis=1) / 2, rtol=1e-7)
    assert two_layer.kernel([[1.0, 0.0]], [[-2.0, 0.0]]) == pytest.approx(0, abs=1e-15)
    assert two_layer.kernel([[1.0, 0.0]], [[0.0, 3.0]]) == pytest.approx(3 / (2 * np.pi))


def test_loss_and_gradient_are_those_of_autograd():
    v, u = torch.tensor(V, requires_grad=True), torch.tensor(U)
    value = by_torch(v, u)
    value.backward()
    assert two_layer.loss(V, U) == pytest.approx(value.item(), rel=1e-12)
    assert np.max(np.abs(two_layer.gradient(V, U) - v.grad.numpy())) < 1e-12 * np.max(np.abs(v.grad.numpy()))


def test_hessian_is_the_slope_of_the_gradient():
    out, step = np.zeros((35, 35)), 1e-6
    for column in range(35):
        move = step * np.eye(35)[column].reshape(5, 7)
        out[:, column] = (two_layer.gradient(V + move, U) - two_layer.gradient(V - move, U)).ravel() / (2 * step)
    assert np.max(np.abs(two_layer.hessian(V, U) - out)) < 1e-8
    smallest = np.linalg.eigvalsh(two_layer.hessian(np.eye(6), np.eye(6)))[0]
    assert smallest == pytest.approx(1 / 4 - 1 / (2 * np.pi), abs=1e-12)


def test_the_spurious_minimum_of_seven_units():
    """The entries are those published with the code of Safran, Yehudai and Shamir, neurons as rows here."""
    network = np.full((7, 7), -0.0350801559)
    np.fill_diagonal(network, 0.9969227988)
    network[:, 6], network[6] = 0.2616910758, 0.1859910463
    network[6, 6] = -0.6327039049
    assert np.max(np.abs(two_layer.gradient(network, np.eye(7)))) < 1e-9
    assert two_layer.loss(network, np.eye(7)) == pytest.approx(0.0232027149, abs=1e-10)
    assert np.linalg.eigvalsh(two_layer.hessian(network, np.eye(7)))[0] == pytest.approx(0.01406, abs=1e-5)


def test_a_batch_is_its_networks_one_by_one():
    many = np.random.default_rng(2).normal(size=(3, 2, 5, 7))
    for function in (two_layer.loss, two_layer.gradient, two_layer.potential):
        one_by_one = np.array([[function(v, U) for v in row] for row in many])
        assert np.allclose(function(many, U), one_by_one, rtol=1e-12, atol=1e-14)
    teacher = RNG.normal(size=(5, 7))
    ratios = [[two_layer.one_point_ratio(v, teacher) for v in row] for row in many]
    assert np.allclose(two_layer.one_point_ratio(many, teacher), ratios)
    by_hand = -np.sum(two_layer.gradient(V, teacher) * (teacher - V)) / np.linalg.norm(teacher - V) ** 2
    assert two_layer.one_point_ratio(V, teacher) == pytest.approx(by_hand, rel=1e-13)
    with pytest.raises(ValueError, match="v: got a network that equals u"):
        two_layer.one_point_ratio(np.array([V, teacher]), teacher)


def test_each_network_can_have_a_teacher_of_its_own():
    rng = np.random.default_rng(5)
    networks, teachers = np.eye(4) + 0.2 * rng.normal(size=(2, 3, 4, 4))
    for function in (two_layer.loss, two_layer.gradient, two_layer.potential, two_layer.one_point_ratio):
        one_by_one = [function(v, u) for v, u in zip(networks, teachers, strict=True)]
        assert np.allclose(function(networks, teachers), one_by_one, rtol=1e-12, atol=1e-13)
    ends, steps = two_layer.descend(networks, teachers, 1.0, 1e-10, 2000)
    assert np.max(np.abs(ends - teachers)) < 1e-8 and len(set(steps)) > 1


def test_the_teacher_is_a_minimum_of_zero():
    assert abs(two_layer.loss(U, U)) < 1e-13
    assert np.max(np.abs(two_layer.gradient(U, U))) < 1e-14
    assert two_layer.potential(U, U) == 0
    near = U + 1e-3 * np.random.default_rng(3).normal(size=U.shape)
    assert two_layer.one_point_ratio(near, U) > 0.05
    assert two_layer.potential(0.5 * U, U) == pytest.approx(0.5 * np.linalg.norm(U, axis=1).sum())


def test_descent_arrives_and_drops_what_has_arrived():
    teacher, rng = np.eye(4), np.random.default_rng(4)
    starts = np.eye(4) + 0.2 * rng.normal(size=(6, 4, 4))
    starts[2] = teacher
    ends, steps = two_layer.descend(starts, teacher, 1.0, 1e-10, 2000)
    assert steps[2] == 0 and np.all((steps[[0, 1, 3, 4, 5]] > 10) & (steps[[0, 1, 3, 4, 5]] <= 2000))
    assert np.max(np.abs(ends - teacher)) < 1e-8
    alone = [two_layer.descend(start[None], teacher, 1.0, 1e-10, 2000) for start in starts]
    assert np.allclose(ends, [end[0] for end, _ in alone], rtol=0, atol=1e-12)
    assert steps.tolist() == [int(number[0]) for _, number in alone]
    short, few = two_layer.descend(starts, teacher, 1.0, 1e-10, 3)
    by_hand = starts[0]
    for _ in range(3):
        by_hand = by_hand - two_layer.gradient(by_hand, teacher)
    assert np.allclose(short[0], by_hand, rtol=0, atol=1e-14) and few[0] == 4 and few[2] == 0
    slopes = np.linalg.norm(two_layer.gradient(ends, teacher), axis=-1)
    assert np.max(slopes) <= 1e-10  # of every row
    before = np.linalg.norm(
        two_layer.gradient(two_layer.descend(starts, teacher, 1.0, 1e-3, 2000)[0], teacher), axis=-1
    )
    assert np.max(before) <= 1e-3
    assert np.array_equal(starts[2], teacher)  # the given networks are left alone


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda: two_layer.gradient(V[:, :6], U), "u: got rows of 7 numbers; want 6, as in v"),
        (lambda: two_layer.kernel(V, U[:, :3]), "u: got rows of 3 numbers; want 7, as in v"),
        (lambda: two_layer.loss(V * (np.arange(5) != 3)[:, None], U), r"v: got a row of zeros at index \(3,\)"),
        (lambda: two_layer.loss(V, np.where(U > 9, 0, np.nan)), "u: got nan at index"),
        (lambda: two_layer.loss(V[0], U), r"v: got shape \(7,\)"),
        (lambda: two_layer.gradient(V, U[None]), r"u: got shape \(1, 4, 7\); want \(any, any\), one teacher"),
        (lambda: two_layer.hessian(V[None], U), "one network"),
        (lambda: two_layer.descend(V, U, 1.0, 1e-9, 10), "a batch of networks"),
        (lambda: two_layer.descend(V[None], U, -1.0, 1e-9, 10), "step: got -1.0"),
        (lambda: two_layer.descend(V[None], U, 1.0, 0, 10), "largest_gradient: got 0"),
        (lambda: two_layer.descend(V[None], U, 1.0, 1e-9, -1), "most_steps: got -1"),
        (lambda: two_layer.one_point_ratio(V, U), "u: got shape"),
        (lambda: two_layer.one_point_ratio(U, U), "v: got a network that equals u"),
    ],
)
def test_bad_input_is_named(call, told):
    with pytest.raises(ValueError, match=told):
        call()
