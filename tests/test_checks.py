"""A check must say yes to the right formula, no to each wrong one, and refuse where it could not tell them apart."""

import numpy as np
import pytest

from helpers.checks import VacuousCheck, check, check_bound, check_mean, check_order, reproduce

RNG = np.random.default_rng(0)
MATRIX = RNG.normal(size=(7, 4))
VECTOR = RNG.normal(size=4)
COUNTS = np.arange(1, 5)
SYMMETRIC = MATRIX.T @ MATRIX
# The claim: the mean of the rows' products with a vector. The reference is a loop that shares no code with the formula.
REFERENCE = np.array(sum(sum(float(a) * float(v) for a, v in zip(row, VECTOR, strict=True)) for row in MATRIX) / 7)
GRAM = np.array([[sum(MATRIX[:, i] * (j + 1) * MATRIX[:, j]) for j in range(4)] for i in range(4)])  # not symmetric


def test_right_formulas_pass_and_print_only_the_tolerance(capsys):
    check("9.9.1", "mean product", np.mean(MATRIX @ VECTOR), REFERENCE, rtol=1e-12)
    check("9.9.2", "scaled Gram matrix", MATRIX.T @ MATRIX * np.arange(1, 5), GRAM, rtol=1e-12)
    assert capsys.readouterr().out == (
        "✓ (9.9.1) mean product: within 1e-12\n✓ (9.9.2) scaled Gram matrix: within 1e-12\n"
    )


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param(lambda: -np.mean(MATRIX @ VECTOR), id="sign"),
        pytest.param(lambda: 2 * np.mean(MATRIX @ VECTOR), id="factor 2"),
        pytest.param(lambda: np.sum(MATRIX @ VECTOR), id="sum for mean, that is, missing 1/n"),
        pytest.param(lambda: np.sum(MATRIX @ VECTOR) / 6, id="n - 1 for n"),
        pytest.param(lambda: np.mean(MATRIX @ VECTOR) * 1.0001, id="one part in ten thousand"),
        pytest.param(lambda: np.nan, id="not a number"),
        pytest.param(lambda: np.inf, id="infinite"),
    ],
)
def test_wrong_formulas_fail(wrong):
    with pytest.raises(AssertionError, match=r"✗ \(9.9.1\) mean product: off by"):
        check("9.9.1", "mean product", wrong(), REFERENCE, rtol=1e-6)


def test_a_transposed_matrix_fails():
    with pytest.raises(AssertionError, match="off by"):
        check("9.9.2", "scaled Gram matrix", (MATRIX.T @ MATRIX * np.arange(1, 5)).T, GRAM, rtol=1e-6)


def test_shapes_are_never_broadcast():
    with pytest.raises(ValueError, match=r"got shapes \(4,\) and \(1, 4\); want one shape"):
        check("9.9.1", "x", VECTOR, VECTOR[None] + 1, rtol=1e-6)


@pytest.mark.parametrize(
    ("formula", "measured", "rtol", "reason"),
    [
        (VECTOR, VECTOR, 1e-6, "the same array"),
        (VECTOR[1:], VECTOR[1:], 1e-6, "the same array"),
        (COUNTS[:], COUNTS[:], 1e-6, "the same array"),
        (1.0, 1.1, 0.1, "10 %-off value would pass"),
        (VECTOR.reshape(2, 2), VECTOR.reshape(2, 2), 1e-6, "the same array"),
        (np.zeros(3), np.zeros(3), 1e-6, "the reference is zero"),
        (0.0, 0.0 * VECTOR[0], 1e-6, "the reference is zero"),
        (VECTOR + 0, np.array([1.0, np.nan, 1, 1]), 1e-6, "not finite"),
        (1.0, np.inf, 1e-6, "not finite"),
        (VECTOR + 0, VECTOR * 1, 0.2, "10 %-off value would pass"),
        (VECTOR + 0, VECTOR * 1, 1.5, "10 %-off value would pass|doubled value would pass"),
        (np.array([]), np.array([1.0])[:0], 1e-6, "nothing to compare"),
    ],
)
def test_check_refuses_when_it_could_not_fail(formula, measured, rtol, reason):
    with pytest.raises(VacuousCheck, match=reason):
        check("9.9.1", "x", formula, measured, rtol)


def test_a_variable_is_not_compared_with_itself():
    value = 3.7
    with pytest.raises(VacuousCheck, match="the same array"):
        check("9.9.1", "x", value, value, rtol=1e-6)


def test_equal_numbers_from_two_routes_are_not_one_array():
    check("9.9.1", "rank", 2 + 1, len([1, 2, 3]), rtol=1e-6)
    check("9.9.2", "symmetric", SYMMETRIC, SYMMETRIC.T, rtol=1e-6)
    with pytest.raises(ValueError, match="got complex numbers"):
        check("9.9.1", "x", VECTOR + 1j, VECTOR, rtol=1e-6)


STEPS = 0.5 ** np.arange(6)


def test_order():
    check_order("9.9.3", "second order", STEPS, 3 * STEPS**2 + 0.1 * STEPS**3, order=2, tol=0.05)
    for wrong in (2 * STEPS, 3 * STEPS**2 + 0.1, STEPS**2.2, np.full(6, np.nan), -STEPS):
        with pytest.raises(AssertionError, match="✗"):
            check_order("9.9.3", "second order", STEPS, wrong, order=2, tol=0.05)


def test_errors_that_level_off_do_not_pass_for_a_lower_order():
    steps = 0.5 ** np.arange(10)
    errors = steps**2 + 2.0**-8
    with pytest.raises(AssertionError, match="between two neighbouring steps"):
        check_order("9.9.3", "first order", steps, errors, order=1, tol=0.2)


@pytest.mark.parametrize(
    ("steps", "errors", "tol", "reason"),
    [
        (STEPS[:3], STEPS[:3] ** 2, 0.05, "less than a factor of 8"),
        (STEPS[[0, 5]], STEPS[[0, 5]] ** 2, 0.05, "at least three"),
        (STEPS[[0, 0, 5]], STEPS[[0, 0, 5]] ** 2, 0.05, "three different steps"),
        (STEPS, 0 * STEPS, 0.05, "exactly zero"),
        (-STEPS, STEPS**2, 0.05, "not a positive number"),
        (STEPS, STEPS**2, 0.5, "its neighbour"),
        (STEPS, STEPS, 0.05, "the same array"),
    ],
)
def test_order_refuses_when_it_could_not_fail(steps, errors, tol, reason):
    with pytest.raises(VacuousCheck, match=reason):
        check_order("9.9.3", "x", steps, errors, order=2, tol=tol)


def test_mean(capsys):
    samples = np.random.default_rng(1).normal([1.0, -0.1], 1.0, size=(40_000, 2))
    check_mean("9.9.4", "means", samples, [1.0, -0.1])
    assert capsys.readouterr().out == "✓ (9.9.4) means: within 4 standard errors, each 0.5 %\n"
    for wrong in ([-1.0, -0.1], [2.0, -0.1], [1.0, 0.1], [1.05, -0.1], [np.nan, -0.1]):
        with pytest.raises(AssertionError, match="✗"):
            check_mean("9.9.4", "means", samples, wrong)
    with pytest.raises(ValueError, match="samples: got shape"):
        check_mean("9.9.4", "means", samples, 1.0)


def test_a_right_mean_passes_on_nearly_every_seed():
    for seed in range(200):
        check_mean("9.9.4", "mean", np.random.default_rng(seed).exponential(size=2_000), 1.0, z=5)


@pytest.mark.parametrize(
    ("samples", "expected", "z", "reason"),
    [
        (np.random.default_rng(2).normal(1, 1, 60), 1.0, 4, "exceeds 10 %"),
        (np.random.default_rng(2).normal(1, 1, 20), 1.0, 4, "fewer than 30"),
        (np.random.default_rng(2).normal(0, 1, 500), 0.0, 4, "expected value is zero"),
        (np.random.default_rng(2).normal(1, 1, 400), 1.0, 30, "would pass too"),
        (np.ones(100), 1.0, 4, "do not vary"),
        (np.full(100, 0.1), 0.1, 4, "do not vary"),
        (np.full(100, np.nan), 1.0, 4, "not finite"),
    ],
)
def test_mean_refuses_when_it_could_not_fail(samples, expected, z, reason):
    with pytest.raises(VacuousCheck, match=reason):
        check_mean("9.9.4", "x", samples, expected, z)


def test_bound(capsys):
    check_bound("9.9.5", "bound", [1.0, 2.0], [1.0, 3.0])
    check_bound("9.9.5", "bound", [1.0, 2.0], 2.0)
    assert capsys.readouterr().out.count("✓ (9.9.5) bound: held at 2 of 2 places") == 2
    for smaller, larger in (([1.0, 3.0], [1.0, 2.0]), ([1.0, 2.1], 2.0), (0.1, 0.0)):
        with pytest.raises(AssertionError, match="broken at"):
            check_bound("9.9.5", "bound", smaller, larger)
    for smaller, larger in (([1.0, 2.0], [1.0, 2.0]), ([np.nan], [1.0]), ([1.0], [np.inf]), ([], 1.0)):
        with pytest.raises(VacuousCheck):
            check_bound("9.9.5", "bound", smaller, larger)
    with pytest.raises(ValueError, match="want one shape"):
        check_bound("9.9.5", "bound", [1.0, 2.0], [1.0, 2.0, 3.0])


def test_reproduce(capsys):
    reproduce("A paper, Fig. 2, r", published=0.86, ours=0.887, at_least=0.85)
    reproduce("A paper, Fig. 1, slope", published=None, ours=0.99, at_least=0.9, because="the paper shows a plot")
    reproduce("A paper, Fig. 3, r", published=0.95, ours=0.7, at_least=0.65, at_most=0.8, because="fewer examples")
    assert capsys.readouterr().out == (
        "▸ A paper, Fig. 2, r: published 0.86 · here ≥ 0.85\n"
        "▸ A paper, Fig. 1, slope: published no number · here ≥ 0.9 · the paper shows a plot\n"
        "▸ A paper, Fig. 3, r: published 0.95 · here ≥ 0.65 and ≤ 0.8 · fewer examples\n"
    )
    with pytest.raises(AssertionError, match="here 0.84, which is not ≥ 0.85"):
        reproduce("x", published=0.86, ours=0.84, at_least=0.85)
    with pytest.raises(VacuousCheck, match="every number would pass"):
        reproduce("x", published=0.86, ours=0.9)
    with pytest.raises(VacuousCheck, match="because= must say what the paper shows"):
        reproduce("x", published=None, ours=0.9, at_least=0.85)
    with pytest.raises(VacuousCheck, match="say why in because="):
        reproduce("x", published=0.86, ours=0.9, at_least=0.1)
    with pytest.raises(VacuousCheck, match="not finite"):
        reproduce("x", published=0.86, ours=np.nan, at_least=0.85)
