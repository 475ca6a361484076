"""A check must say yes to the right formula, no to each wrong one, and refuse where it could not tell them apart."""

import fractions
import io
import sys

import numpy as np
import pytest

from helpers.checks import (
    VacuousCheck,
    check,
    check_bound,
    check_mean,
    check_order,
    exercise,
    reproduce,
    stated,
)

SIZES = pytest.mark.parametrize("size", [1e-9, 1.0, 1e9])
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


@SIZES
@pytest.mark.parametrize("place", [0, 1, 2])
@pytest.mark.parametrize("direction", [-1, 1])
def test_check_on_either_side_of_its_limit(size, place, direction):
    measured = size * np.array([1.0, -4.0, 1e-6])
    allowed = 1e-3 * 4 * size * direction * np.eye(3)[place]
    check("9.9.1", "x", measured + 0.999 * allowed, measured, rtol=1e-3)
    with pytest.raises(AssertionError, match="off by 0.001 of the reference's size, allowed is 0.001"):
        check("9.9.1", "x", measured + 1.001 * allowed, measured, rtol=1e-3)


def test_check_at_its_limit():
    check("9.9.1", "x", 4 + 1 / 16, 4.0, rtol=1 / 64, slips={"twice": 8.0})  # exact in binary
    check("9.9.1", "x", 1.09, 1.0, rtol=0.0999, slips={"twice": 2.0})
    check("9.9.1", "x", 4 + 1 / 32, 4.0, rtol=0.01)
    for slips in (None, {}):
        with pytest.raises(VacuousCheck, match="rtol 0.0101 is above 1 % and no slips= are given"):
            check("9.9.1", "x", 4.0, 4.0 + 1e-9, rtol=0.0101, slips=slips)
    with pytest.raises(AssertionError, match="off by 0.25 of the reference's size, allowed is 0.01"):
        check("9.9.1", "x", [2.0, -3.0], [2.0, -4.0], rtol=0.01)


@SIZES
def test_a_floor_compares_entry_by_entry(size, capsys):
    measured, floor = size * np.array([1e6, -2.0, 0.001, 0.0]), size
    for place, allowed in enumerate([1e6, 2.0, 1.0, 1.0]):
        for direction in (-1, 1):
            shift = 1e-3 * size * allowed * direction * np.eye(4)[place]
            check("9.9.1", "x", measured + 0.999 * shift, measured, rtol=1e-3, floor=floor)
            with pytest.raises(AssertionError, match="off by 0.001 of an entry's size, allowed is 0.001"):
                check("9.9.1", "x", measured + 1.001 * shift, measured, rtol=1e-3, floor=floor)
    assert capsys.readouterr().out == 8 * "✓ (9.9.1) x: within 0.001 of each entry\n"


@pytest.mark.parametrize("floor", [0, -1.0, np.nan, np.inf, 2.0, 3.0])
def test_a_floor_that_compares_nothing_is_refused(floor):
    check("9.9.1", "x", [1.0, -2.0], np.array([1.0, -2.0]), rtol=1e-6, floor=1.999)
    with pytest.raises(VacuousCheck, match="not a positive number|no entry of the reference lies above the floor"):
        check("9.9.1", "x", [1.0, -2.0], np.array([1.0, -2.0]), rtol=1e-6, floor=floor)


def test_slips_must_be_turned_down(capsys):
    # All numbers are exact in binary: the formula misses by 1/256, so a slip must miss by more than 1/128.
    right, measured = 4 + 1 / 64, 4.0
    check("9.9.1", "x", right, measured, 1 / 256, slips={"sign": -right, "share": 4 - 1 / 32 - 1e-9})
    check("9.9.1", "x", right, measured, 1 / 64, slips={"share": 4 + 1 / 16 + 1e-9})
    check("9.9.1", "x", [right], [measured], 1 / 64, floor=1, slips={"share": [5.0]})
    assert capsys.readouterr().out == (
        "✓ (9.9.1) x: within 0.00390625, 2 slips turned down\n"
        "✓ (9.9.1) x: within 0.015625, 1 slip turned down\n"
        "✓ (9.9.1) x: within 0.015625 of each entry, 1 slip turned down\n"
    )
    told = r"the slip 'share' is off by 0.0078, the formula by 0.0039, allowed is 0.0039"
    with pytest.raises(VacuousCheck, match=told):
        check("9.9.1", "x", right, measured, 1 / 256, slips={"sign": -right, "share": 4 - 1 / 32})
    for wrong in (4 + 1 / 16, 4.0, np.nan, np.inf):
        with pytest.raises(VacuousCheck, match="the slip 'share'"):
            check("9.9.1", "x", right, measured, 1 / 64, slips={"share": wrong, "sign": -right})
    with pytest.raises(ValueError, match="want one shape"):
        check("9.9.1", "x", right, measured, 1 / 64, slips={"share": [5.0]})
    with pytest.raises(AssertionError, match="off by 1.2"):
        check("9.9.1", "x", 9.0, measured, 1 / 64, slips={"sign": -right})


def test_the_10_percent_refusal_does_not_hide_a_wrong_formula_below_it():
    with pytest.raises(AssertionError, match="off by 0.1 of"):
        check("9.9.1", "x", 1.1, 1.0, rtol=0.0999, slips={"twice": 2.0})


def test_words_are_no_numbers():
    with pytest.raises(ValueError, match="got type <U3; want numbers"):
        check("9.9.1", "x", "4.0", 4.0, rtol=1e-6)
    check("9.9.1", "x", fractions.Fraction(1, 4), 0.25, rtol=1e-6)
    check("9.9.1", "x", np.array([True, False]), [1, 0], rtol=1e-6)


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


@SIZES
@pytest.mark.parametrize("order", [1, 2, -0.5])
def test_order_on_either_side_of_its_limit(size, order, capsys):
    for steps in (STEPS, STEPS[::-1], STEPS[[2, 0, 5]], np.array([8.0, 1.0, 2.0])):
        for direction in (-1, 1):
            inside, outside = (order + direction * tol for tol in (0.099999, 0.100001))
            check_order("9.9.3", "x", steps, size * steps**inside, order=order, tol=0.1)
            with pytest.raises(AssertionError, match=f"fitted order {outside:.2f}, claimed {order:g} ± 0.1"):
                check_order("9.9.3", "x", steps, size * steps**outside, order=order, tol=0.1)
    assert capsys.readouterr().out == 8 * f"✓ (9.9.3) x: order {order:g} ± 0.1\n"


@pytest.mark.parametrize(
    ("slope", "told"), [(0.501, None), (0.499, "order 0.50"), (1.499, None), (1.501, "order 1.50")]
)
def test_no_two_neighbours_show_another_order(slope, told):
    # Slope 1 everywhere but in one gap; the errors are shuffled with their steps.
    slopes = np.ones(12)
    slopes[4] = slope
    errors = 2.0 ** np.concatenate([[0], np.cumsum(slopes)])
    shuffled = np.random.default_rng(3).permutation(13)
    steps, errors = (2.0 ** np.arange(13))[shuffled], errors[shuffled]
    if told is None:
        check_order("9.9.3", "x", steps, errors, order=1, tol=0.2)
    else:
        with pytest.raises(AssertionError, match=f"{told} between two neighbouring steps, claimed 1"):
            check_order("9.9.3", "x", steps, errors, order=1, tol=0.2)


@pytest.mark.parametrize("errors", [[1, np.nan, 8, 64], [1, np.inf, 8, 64], [1, -4, 8, 64]])
def test_an_error_is_a_positive_number(errors):
    with pytest.raises(AssertionError, match="an error is negative or not finite"):
        check_order("9.9.3", "x", [1, 2, 4, 8], errors, order=2, tol=0.1)


@pytest.mark.parametrize(
    ("steps", "errors", "tol", "reason"),
    [
        (STEPS[:3], STEPS[:3] ** 2, 0.05, "less than a factor of 8"),
        (STEPS[[0, 5]], STEPS[[0, 5]] ** 2, 0.05, "at least three"),
        (STEPS[[0, 0, 5]], STEPS[[0, 0, 5]] ** 2, 0.05, "three different steps"),
        (STEPS, 0 * STEPS, 0.05, "exactly zero"),
        (-STEPS, STEPS**2, 0.05, "not a positive number"),
        (np.array([1.0, 2.0, 7.999]), np.array([1.0, 4.0, 63.98]), 0.05, "less than a factor of 8"),
        (np.append(STEPS, 0), np.append(STEPS, 1) ** 2, 0.05, "not a positive number"),
        (np.append(STEPS, -1), np.append(STEPS, 1) ** 2, 0.05, "not a positive number"),
        (np.append(STEPS, np.inf), np.append(STEPS, 1) ** 2, 0.05, "not a positive number"),
        (STEPS, np.append(STEPS[:5] ** 2, 0), 0.05, "exactly zero"),
        (STEPS[None], STEPS[None] ** 2, 0.05, "at least three"),
        (STEPS, STEPS**2, 0.5, "tol 0.5 does not tell the order from its neighbour"),
        (STEPS, STEPS**2, 0, "its neighbour"),
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


def spread_evenly(mean, error, count=100):
    """Draws whose mean is `mean` (...) and whose standard error of the mean is `error` (...)."""
    swing = np.resize([1.0, -1.0], count) * np.sqrt(count - 1)
    return mean + np.multiply.outer(swing, error)


@SIZES
def test_mean_on_either_side_of_its_limit(size, capsys):
    mean, error = size * np.array([-1.0, 0.02, 0.0]), size * np.array([0.02, 0.05, 0.01])
    samples = spread_evenly(mean, error)
    for place in range(3):
        for direction in (-1, 1):
            shift = direction * error * np.eye(3)[place]
            check_mean("9.9.4", "x", samples, mean + 2.9999 * shift, z=3)
            with pytest.raises(AssertionError, match="off by 3.0 standard errors, allowed are 3"):
                check_mean("9.9.4", "x", samples, mean + 3.0001 * shift, z=3)
    assert capsys.readouterr().out == 6 * "✓ (9.9.4) x: within 3 standard errors, each 5 %\n"
    with pytest.raises(AssertionError, match="off by 5.0 standard errors, allowed are 4"):
        check_mean("9.9.4", "x", samples, mean + error * [1, 5, -2])


@SIZES
def test_mean_at_its_refusals(size):
    check_mean("9.9.4", "x", spread_evenly(size, 0.0999 * size), size)
    check_mean("9.9.4", "x", spread_evenly(size, 0.0999 * size, count=30), size)
    check_mean("9.9.4", "x", spread_evenly(size, 1e-10 * size), size)
    check_mean("9.9.4", "x", spread_evenly(size, 0.0999 * size), size, z=10)
    for samples, z, reason in (
        (spread_evenly(size, 0.1001 * size), 4, "exceeds 10 %"),
        (spread_evenly(size, 0.05 * size, count=29), 4, "fewer than 30"),
        (spread_evenly(size, 0.0999 * size), 10.02, "would pass too .z 10.02 is too wide"),
        (spread_evenly(size, 1e-13 * size), 4, "do not vary"),
    ):
        with pytest.raises(VacuousCheck, match=reason):
            check_mean("9.9.4", "x", samples, size, z)
    with pytest.raises(VacuousCheck, match="do not vary"):
        check_mean("9.9.4", "x", spread_evenly(np.array([size, size]), np.array([0.01 * size, 0])), [size, size])
    with pytest.raises(VacuousCheck, match="exceeds 10 %"):
        check_mean("9.9.4", "x", spread_evenly(np.array([size, size]), size * np.array([0.2, 0.01])), [size, size])


def test_mean_wants_draws_along_the_first_axis():
    with pytest.raises(ValueError, match=r"samples: got shape \(\); want \(m, ...\) with \(...\) = \(\)"):
        check_mean("9.9.4", "x", 1.0, 1.0)
    with pytest.raises(AssertionError, match="the expected value is not finite"):
        check_mean("9.9.4", "x", spread_evenly(np.ones(2), 0.01 * np.ones(2)), [1, np.inf])
    with pytest.raises(VacuousCheck, match="a sample is not finite"):
        check_mean("9.9.4", "x", np.append(np.arange(50.0), np.inf), 1.0)


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
    check_bound("9.9.5", "bound", [1.0, 2.0], [1.0, 3.0], kind="ordering")
    check_bound("9.9.5", "bound", [1.0, 2.0], 2.0, kind="ordering")
    assert capsys.readouterr().out.count("✓ (9.9.5) bound: held at 2 of 2 places") == 2
    for smaller, larger in (([1.0, 3.0], [1.0, 2.0]), ([1.0, 2.1], 2.0), (0.1, 0.0)):
        with pytest.raises(AssertionError, match="broken at"):
            check_bound("9.9.5", "bound", smaller, larger, kind="ordering")
    for smaller, larger in (([1.0, 2.0], [1.0, 2.0]), ([np.nan], [1.0]), ([1.0], [np.inf]), ([], 1.0)):
        with pytest.raises(VacuousCheck):
            check_bound("9.9.5", "bound", smaller, larger, kind="ordering")
    with pytest.raises(ValueError, match="want one shape"):
        check_bound("9.9.5", "bound", [1.0, 2.0], [1.0, 2.0, 3.0], kind="ordering")


@SIZES
def test_bound_on_either_side_of_its_limit(size, capsys):
    sides = size * np.array([-3.0, 1e-6, 2.0])
    check_bound("9.9.5", "x", sides, sides + size * 1e-6 * np.eye(3)[1], kind="ordering")
    check_bound("9.9.5", "x", -size, sides[1:], kind="ordering")
    check_bound("9.9.5", "x", 0, sides[1:], kind="sign")
    check_bound("9.9.5", "x", sides[:1], 0, kind="sign")
    assert capsys.readouterr().out == "".join(f"✓ (9.9.5) x: held at {n} of {n} places\n" for n in (3, 2, 2, 1))
    with pytest.raises(AssertionError, match=f"broken at 2 of 3 places, by up to {size * 0.5:.2g}".replace("+", ".")):
        check_bound("9.9.5", "x", sides, sides + size * np.array([-0.5, 0, -0.25]), loose="no case")
    for smaller, larger in (([[1.0, np.nan]], 2.0), (0.0, [2.0, np.inf]), (np.zeros(0), 1.0), (1.0, np.zeros(0))):
        with pytest.raises(VacuousCheck, match="a side is empty or not finite"):
            check_bound("9.9.5", "x", smaller, larger, loose="no case")


@SIZES
def test_a_bound_is_attained(size, capsys):
    def attained(left, right, share):
        check_bound("9.9.5", "x", [1, 2], [2, 3], attained=(size * left, size * right, share))

    for left, share in ((1, 1), (1 + 1e-13, 1), (1 - 1e-13, 1), (0.9, 0.9), (0.95, 0.9), (0.51, 0.5001)):
        attained(4 * left, 4, share)
        assert f"held at 2 of 2 places, attained to {share:g}\n" in capsys.readouterr().out
    with pytest.raises(AssertionError, match="broken in the case made for it: "):
        attained(4 + 1e-11, 4, 0.9)
    for left, told in ((4 * 0.9 - 1e-11, "0.9"), (2, "0.5"), (-4, "-1"), (np.nan, "nan")):
        with pytest.raises(AssertionError, match=f"attained only to {told}, claimed is 0.9|made for it: nan"):
            attained(left, 4, 0.9)
    for right, share in ((4, 0.5), (4, 1.001), (4, np.nan), (4, -1), (0, 0.9), (-4, 0.9), (np.inf, 0.9), (np.nan, 0.9)):
        with pytest.raises(VacuousCheck, match="attained: "):
            attained(4, right, share)
    with pytest.raises(AssertionError, match="broken at 1 of 1"):
        check_bound("9.9.5", "x", 3, 2, attained=(4, 4, 0.9))


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({}, "got a bare bound, and one far too loose would pass; want attained=, loose= or kind="),
        ({"kind": "limit"}, "kind: got 'limit'; want one of"),
        ({"kind": "sign"}, "got 'sign' with two sides that are not 0"),
        ({"attained": (1, 1, 0.9), "loose": "no such case"}, "got both"),
        ({"kind": "ordering", "attained": (1, 1, 0.9)}, "want them with a bound only"),
        ({"kind": "ordering", "loose": "no such case"}, "want them with a bound only"),
        ({"loose": ""}, "loose: got ''; want the reason in words"),
        ({"loose": " "}, "want the reason in words"),
        ({"loose": 3}, "loose: got 3"),
        ({"attained": (1, 0.9)}, r"attained: got shape \(2,\); want three numbers"),
        ({"attained": 0.9}, r"attained: got shape \(\)"),
    ],
)
def test_arguments_of_a_bound(arguments, told):
    with pytest.raises(ValueError, match=told):
        check_bound("9.9.5", "x", [1, 2], [2, 3], **arguments)


def test_a_sign_has_a_side_of_zeros():
    for smaller, larger in (([0, 1], [2, 3]), ([-1, -2], [0, 3])):
        with pytest.raises(ValueError, match="two sides that are not 0"):
            check_bound("9.9.5", "x", smaller, larger, kind="sign")


def test_a_bound_may_be_loose(capsys):
    check_bound("9.9.5", "x", [1, 2], 2, loose="its constant is not known")
    assert capsys.readouterr().out == "✓ (9.9.5) x: held at 2 of 2 places, loose: its constant is not known\n"


@pytest.mark.parametrize(
    ("written", "right", "wrong"),
    [
        ("0.46", [0.46, 0.4551, 0.455, 0.4649, 0.465], [0.45499, 0.46501, -0.46, 0.92, 4.6, 46, np.nan, np.inf]),
        ("0.460", [0.4595, 0.4605], [0.45949, 0.46051]),
        ("-0.3", [-0.3, -0.2501, -0.3499], [-0.2499, -0.3501, 0.3]),
        ("−0.3", [-0.3, -0.2501, -0.3499], [-0.2499, -0.3501, 0.3]),
        ("+0.3", [0.3], [-0.3]),
        ("1,437", [1437, 1437.4, np.int64(1437)], [1436, 1438, 1437.6, 1.437]),
        ("1,234,567", [1234567], [1234568]),
        ("1e-5", [1e-5, 0.51e-5, 1.49e-5], [0.49e-5, 1.51e-5, 1e-6]),
        ("2.0e−9", [2e-9, 2.04e-9], [2.06e-9, 2e-8]),
        ("3e9", [3e9, 3.4e9], [3.6e9, 2.4e9]),
        ("44 %", [0.44, 0.4351, 0.4449], [0.4349, 0.4451, 44]),
        ("4.5% of the largest", [0.045, 0.04549], [0.04551, 4.5]),
        ("42 images", [42, 42.4], [41, 43]),
        ("12 times L2", [12], [13]),
        ("9 of 10", [(9, 10), np.array([9, 10])], [(8, 10), (9, 11), (9.1, 10), (10, 9), (9, np.nan)]),
        ("1,020 of the 1,797 digits", [(1020, 1797)], [(1021, 1797), (1020, 1798)]),
        ("0.43 to 0.47", [[0.45, 0.425, 0.475, 0.44], [0.43, 0.47]], [[0.4249, 0.47], [0.43, 0.4751], [0.44, 0.46]]),
        ("0.4 to 0.47", [[0.351, 0.4749]], [[0.349, 0.47], [0.4, 0.48], [0.4, np.nan, 0.47]]),
        ("0.43 to 1", [[0.434, 1.4]], [[0.44, 1], [0.43, 1.6]]),
        ("−3 to −1 nats", [[-3.4, -0.6, -2]], [[-3.6, -1], [-3, -0.4], [3, 1]]),
        ("43 to 47 %", [[0.43, 0.474]], [[0.42, 0.47], [43, 47]]),
        ("43 % to 47 % of them", [[0.43, 0.474]], [[0.42, 0.47], [43, 47]]),
        ("at least 0.94", [0.94, 0.9599, [0.99, 0.95]], [0.9399, 0.96, [0.95, 0.93], [0.94, np.inf], [0.97, 0.98]]),
        ("at most 0.06", [0.06, 0.0401, [0.05, 0.01]], [0.0601, 0.04, [0.05, 0.07], [0.06, -np.inf], [0.01, 0.03]]),
        ("at least −3", [-3, -1.01, [-2, 5]], [-3.1, -1]),
        ("at least 94 % of them", [0.94, [0.95, 0.99]], [0.93, 0.96, 94]),
        ("at most 1e9", [1e9, -9e8], [1.1e9, -1e9]),
    ],
)
def test_stated(written, right, wrong, capsys):
    for measured in right:
        stated(written, measured, "slope at scale 100")
    assert capsys.readouterr().out == len(right) * f"= {written} slope at scale 100\n"
    for measured in wrong:
        with pytest.raises(AssertionError, match="✗ slope at scale 100: written .* measured "):
            stated(written, measured, "slope at scale 100")


def test_stated_tells_what_was_measured():
    for written, measured, told in (
        ("0.46", 0.4712, "✗ x: written 0.46, measured 0.4712"),
        ("9 of 10", (8, 10), "✗ x: written 9 of 10, measured 8 of 10"),
        ("4 to 5", [3, 7, 4], "✗ x: written 4 to 5, measured 3 to 7"),
    ):
        with pytest.raises(AssertionError) as raised:
            stated(written, measured, "x")
        assert str(raised.value) == told


@pytest.mark.parametrize(
    ("written", "measured", "told"),
    [
        *(
            (written, 1.0, "want a form like")
            for written in ("", "few", "about 1", "x 1", "1k", "1.2.3", "10^-3", "1/2")
        ),
        *(
            (written, 1.0, "want a form like")
            for written in ("1 in 2", "1–2", "1 with 3 layers", "at least 1 to 2", "%")
        ),
        *(
            (written, [1, 2], "want a form like")
            for written in ("1 % to 2", "1 % of 2", "0.1 of 2", "1 of 2 %", "1 of 2.5")
        ),
        ("0.46", [0.46], r"got shape \(1,\) for '0.46'; want a number"),
        ("9 of 10", 0.9, r"got shape \(\) for '9 of 10'; want two counts"),
        ("9 of 10", (9, 10, 11), r"got shape \(3,\)"),
        ("0.47 to 0.43", [0.43, 0.47], "want the smaller first"),
        ("0.45 to 0.45", [0.45, 0.45], "want the smaller first"),
        ("0.45 to 0.46", [0.455], "for 1 values"),
        ("0.45 to 0.46", 0.455, "for 1 values"),
        ("0.46", "0.46", "want numbers"),
        ("0.46", 0.46j, "got complex numbers"),
    ],
)
def test_stated_wants_a_number_and_one_that_fits(written, measured, told):
    with pytest.raises(ValueError, match=told):
        stated(written, measured, "x")


@pytest.mark.parametrize("written", ["0.46", "9 of 10", "0.43 to 0.47", "at least 0.94"])
def test_stated_refuses_when_nothing_was_measured(written):
    with pytest.raises(VacuousCheck, match="nothing was measured"):
        stated(written, [], "x")


LINE = np.array([1.5, -4.0, 3.0, 1e-3, 7.0])
SQUARE = np.array([[1.5, 4.0, 3.0], [2.5, 7.0, 1e-3], [5.0, 6.0, 8.0]])
WIDE = SQUARE[:2]


@pytest.fixture
def told(capsys):
    """What `exercise` prints, without its name."""

    def told(answer, truth, rtol=1e-6, **options):
        assert exercise("9.9-1", answer, truth, rtol, **options) is None
        printed = capsys.readouterr().out
        assert printed.count("\n") == 1 and " exercise 9.9-1: " in printed
        return printed.strip().replace(" exercise 9.9-1:", "")

    return told


@pytest.mark.parametrize("truth", [3.5, LINE, WIDE, 7, True, "above", (1.0, 2.0)])
def test_no_answer_yet(truth, told):
    for answer in (..., None):
        assert told(answer, truth) == "○ put your answer in place of the dots and run this cell again"


@SIZES
@pytest.mark.parametrize("truth", [3.5, -3.5, LINE, SQUARE, WIDE])
def test_right_answers(truth, size, told):
    truth = size * np.asarray(truth)
    shift = np.zeros_like(truth)
    shift[(..., *(np.argmin(np.abs(truth), axis=None),)) if truth.ndim == 1 else ...] = 1e-6 * np.max(np.abs(truth))
    for direction in (-1, 1):
        assert told((truth + 0.999 * direction * shift).tolist(), truth) == "✓ right, within 1e-06"
        assert told((truth + 1.001 * direction * shift).tolist(), truth).startswith("✗ ")


@SIZES
@pytest.mark.parametrize(
    ("wrong", "truth", "words"),
    [
        (lambda t: -t, LINE, "the sign is wrong"),
        (lambda t: 2 * t, LINE, "twice the right value"),
        (lambda t: t / 2, 3.5, "half the right value"),
        (lambda t: -t / 2, WIDE, "half the right value, and the sign is wrong"),
        (lambda t: 10 * t, LINE, "n times too large"),
        (lambda t: t / 10, LINE, "n times too small"),
        (lambda t: -10 * t, 3.5, "n times too large, and the sign is wrong"),
        (lambda t: 3 * t, 3.5, "d times too large"),
        (lambda t: t / 3, 3.5, "d times too small"),
        (lambda t: t**2, LINE, "the square of the right value"),
        (lambda t: np.sqrt(t), SQUARE, "the square root of the right value"),
        (lambda t: 1 / t, LINE, "the reciprocal of the right value"),
        (lambda t: t.T, SQUARE, "the transpose"),
        (lambda t: t.T, WIDE, "the transpose"),
        (lambda t: -t.T, WIDE, "the transpose, and the sign is wrong"),
        (lambda t: t.T + t.T[0, 0], WIDE, r"the shape is transposed: got shape (3, 2); want an array of shape (2, 3)"),
        (lambda t: t[:, None], LINE, "got shape (5, 1); want an array of shape (5,)"),
        (lambda t: t[0], LINE, "got shape (); want an array of shape (5,)"),
        (lambda t: t[None], 3.5, "got shape (1,); want a number"),
        (lambda t: t[None].T, LINE, "got shape (5, 1); want an array of shape (5,)"),
        (lambda t: t[::-1], LINE, "the right values in another order"),
        (lambda t: t + t[4], LINE, "right nowhere"),
        (lambda t: t * [1, 1, 3, 1, 3], LINE, "right at 2 of 4 places"),  # 0.001 is too small to tell at 1e-2
        (lambda t: t * [1, 1, 3, 3, 3], LINE, "right at 2 of 4 places"),
        (lambda t: t + np.array([0, 0, 0, 1, 0]) * t[4], LINE, "right at 4 of 5 places"),
        (lambda t: t[::-1], SQUARE, "right at 2 of 8 places"),
        (lambda t: 1.7 * t, 3.5, "not the right value"),
        (lambda t: 1.7 * t, LINE[:1], "not the right value"),
        (lambda t: 0 * t, 3.5, "not the right value"),
    ],
)
def test_slips_are_told(wrong, truth, words, size, told):
    truth = size * np.asarray(truth)
    assert told(wrong(truth), truth, rtol=1e-2, factors={"n": 10, "d": 3}) == f"✗ {words}"


def test_slips_are_told_within_the_tolerance(told):
    for slip in (2.0, 0.5, -1.0):
        for direction in (-1, 1):
            assert "right value" in told(slip * LINE * (1 + 0.99e-3 * direction), LINE, rtol=1e-3) or slip == -1
            assert told(slip * LINE * (1 + 1.01e-3 * direction), LINE, rtol=1e-3) == "✗ right nowhere"


def test_a_slip_that_leads_to_the_truth_is_left_out(told):
    assert told(SYMMETRIC.T, SYMMETRIC) == "✓ right, within 1e-06"
    assert told(1.5, 1.0) == "✗ not the right value"
    assert told(2.0, 1.0, factors={"n": 1, "b": 2}) == "✗ b times too large"
    # With a floor the answer lies near the slips of a truth that is 0, and they are the truth itself.
    assert told(2e-9, 0.0, floor=1e-9) == "✗ not the right value"
    # The transpose differs from the truth by less than is allowed.
    nearly = np.array([[1.0, 2.0], [2.0 + 1e-3, 3.0]])
    assert told(nearly.T - 2.5e-3, nearly, rtol=1e-3, floor=2e-3) == "✗ right at 3 of 4 places"
    # A reciprocal that is infinite is no slip, and no answer is near to it.
    assert told([5.0, 5.0], [0.0, 2.0]) == "✗ right nowhere"
    assert told([1 + 1 / 64, 9.0], [1.0, 2.0], rtol=1 / 128) == "✗ right at 1 of 2 places"  # exact in binary
    with pytest.raises(ValueError, match="factor n: got 0; want a finite number other than 0"):
        exercise("9.9-1", ..., 1.0, 1e-6, factors={"n": 0})
    with pytest.raises(ValueError, match="factor n: got inf"):
        exercise("9.9-1", ..., 1.0, 1e-6, factors={"n": np.inf})


class Stubborn:
    def __array__(self, dtype=None, copy=None):
        raise RuntimeError("no\narray")


class Mute:
    class Silent(Exception):
        def __str__(self):
            raise RuntimeError

    @property
    def __class__(self):
        raise Mute.Silent


LOOP = []
LOOP.append(LOOP)
STRANGE = ["abc", b"abc", "3.5", [[1.0], [1.0, 2.0]], {}, {3.5}, object(), len, Stubborn, Stubborn(), Mute(), LOOP]
STRANGE += [3.5j, np.nan, np.inf, [1.0, None], 5 * [...], 5 * [np.nan], 5 * ["1"], np.datetime64("2020"), 10**400]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("truth", [3.5, LINE, WIDE, 7, True, "below", (1.0, 2.0)])
def test_strange_answers_are_told_and_never_raise(truth, told):
    torch = pytest.importorskip("torch")
    wanted = {"float": "a number", "int": "a number", "tuple": "a number", "bool": "True or False", "str": "a word"}
    wanted = wanted.get(type(truth).__name__) or f"an array of shape {np.shape(truth)}"
    for answer in [*STRANGE, torch.ones(5, requires_grad=True), torch.ones(5, dtype=torch.complex64)]:
        if type(answer) is str and wanted == "a word":
            assert told(answer, truth) == "✗ not the right word"
        else:
            printed = told(answer, truth)
            assert printed.startswith(f"✗ got {type(answer).__name__} (") and printed.endswith(f"); want {wanted}")
    for answer in (1e308, np.full((2, 3), -1e308), np.zeros(0), np.zeros((0, 3))):
        assert told(answer, truth).startswith("✗ ")


def test_what_is_told_of_strange_answers(told):
    torch = pytest.importorskip("torch")
    assert told(Stubborn(), 3.5) == "✗ got Stubborn (no); want a number"
    assert told(Mute(), "above") == "✗ got Mute (<exception str() failed>); want a word"
    assert told([1, np.inf], LINE) == "✗ got list (not finite); want an array of shape (5,)"
    assert told(3.5j, LINE) == "✗ got complex (not real numbers); want an array of shape (5,)"
    assert (
        told(True, 1.0)
        == told(np.True_, 1.0).replace("bool_", "bool")
        == "✗ got bool (not real numbers); want a number"
    )
    assert "tensor.detach()" in told(torch.tensor(3.5, requires_grad=True), 3.5)
    assert told(torch.tensor(3.5), 3.5) == told(fractions.Fraction(7, 2), 3.5) == "✓ right, within 1e-06"
    assert told(torch.tensor(LINE), torch.tensor(LINE)) == "✓ right, within 1e-06"
    assert told([True, False, True], [1.0, 0.0, 1.0]) == "✓ right, within 1e-06"


def test_words_bools_counts_and_ranges(told):
    for answer in ("above", " Above\n", "ABOVE", np.str_("above")):
        assert told(answer, "above ") == "✓ right"
    assert told("below", "above") == told("a bove", "above") == "✗ not the right word"
    for answer in (True, np.True_, np.array(True)):
        assert told(answer, True) == told(answer, np.True_) == "✓ right"
        assert told(answer, False) == "✗ not right"
    for answer in (1, [True], "True"):
        assert told(answer, True).endswith("; want True or False")
    for truth in (1797, np.int64(1797)):
        assert told(1797, truth, rtol=0.5) == told(1797.0, truth) == "✓ right"
        for wrong in (1796, 1798, 1797.001):
            assert told(wrong, truth, rtol=0.5) == "✗ not the right value"
        assert told(-1797, truth) == "✗ the sign is wrong" and told(3594, truth) == "✗ twice the right value"
        assert told(1796, truth, floor=1) == told(1798, truth, floor=1) == "✓ right"
    for answer in (-0.5, 0, 2, np.float64(1.5)):
        assert told(answer, (-0.5, 2.0)) == "✓ right"
    assert told(-0.501, (-0.5, 2.0)) == "✗ too small" and told(2.001, (-0.5, 2.0)) == "✗ too large"
    assert told(3, (3, 3)) == "✓ right" and told(4, (3, 3)) == "✗ too large"
    assert told([1.0], (-0.5, 2.0)) == "✗ got shape (1,); want a number"


@SIZES
def test_a_floor_makes_room_for_a_truth_of_zero(size, told):
    for truth in (0.0, [0.0, size]):
        truth = np.asarray(truth)
        for direction in (-1, 1):
            assert (
                told(truth + 0.999e-3 * size * direction, truth, floor=1e-3 * size)
                == f"✓ right, within {1e-3 * size:g}"
            )
            assert told(truth + 1.001e-3 * size * direction, truth, floor=1e-3 * size).startswith("✗ ")
    assert told(size * 1.01, size, rtol=0.1, floor=1e-3 * size) == "✓ right, within 0.1"
    assert told(0.0, 0.0, floor=0) == "✓ right, within 1e-06" and told(1e-300, 0.0, floor=0) == "✗ not the right value"
    assert told(0, 0, floor=0) == "✓ right" and told(1, 0, floor=0) == "✗ not the right value"
    assert told(-3.0, 1.0, rtol=5, floor=0) == "✓ right, within 5"


@pytest.mark.parametrize(
    ("truth", "options", "reason"),
    [
        (np.nan, {}, "the truth is empty or not finite"),
        ([1.0, np.inf], {}, "the truth is empty or not finite"),
        ([], {}, "the truth is empty or not finite"),
        ((0.0, np.inf), {}, "an end of the range is not finite"),
        ((np.nan, 1.0), {}, "an end of the range is not finite"),
        (" ", {}, "the right word is empty"),
        (0.0, {}, "a doubled answer would pass too"),
        (0, {}, "a doubled answer would pass too"),
        (np.zeros(3), {}, "a doubled answer would pass too"),
        (1.0, {"rtol": 1.0}, "a doubled answer would pass too"),
        (1.0, {"rtol": 2.5}, "a doubled answer would pass too"),
        (1.0, {"rtol": np.nan, "floor": 1.0}, "a doubled answer would pass too"),
        (1.0, {"rtol": -1e-6, "floor": 1.0}, "a doubled answer would pass too"),
        (0.0, {"floor": -1.0}, "the floor is -1.0; want a number of 0 or more"),
        (0.0, {"floor": np.nan}, "the floor is nan"),
        (0.0, {"floor": np.inf}, "the floor is inf"),
    ],
)
@pytest.mark.parametrize("answer", [..., 0.0])
def test_exercise_refuses_a_truth_that_turns_nothing_down(truth, options, reason, answer):
    exercise("9.9-1", answer, 1.0, rtol=0.999)
    exercise("9.9-1", answer, 1.0, rtol=0)
    with pytest.raises(VacuousCheck, match=rf"\(exercise 9.9-1\) {reason}"):
        exercise("9.9-1", answer, truth, **({"rtol": 1e-6} | options))


@pytest.mark.parametrize("truth", [(2.0, 1.0), ([1.0, 2.0], [3.0, 4.0]), 1j, ["a", "b"]])
def test_a_truth_of_no_kind(truth):
    with pytest.raises(ValueError, match="want two numbers .low, high.|got complex numbers|want numbers"):
        exercise("9.9-1", ..., truth, 1e-6)


@pytest.mark.parametrize(
    ("encoding", "printed"),
    [
        ("utf-8", ["✓ (9.9.1) θ ≤ 1 · x: within 1e-06", "✗ exercise 1: not", "○ exercise 1: put", "▸ p: ", "= −1 y"]),
        ("cp1252", [r"ok (9.9.1) \u03b8 <= 1 · x: ", "wrong exercise 1: not", "o exercise 1: put", "> p: ", "= -1 y"]),
        (
            "ascii",
            [r"ok (9.9.1) \u03b8 <= 1 \xb7 x: ", "wrong exercise 1: not", "o exercise 1: put", "> p: ", "= -1 y"],
        ),
    ],
)
def test_consoles_without_ticks(encoding, printed, monkeypatch):
    console = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    monkeypatch.setattr(sys, "stdout", console)
    check("9.9.1", "θ ≤ 1 · x", 1.0, np.array(1.0), rtol=1e-6)
    exercise("1", True, False, rtol=0)
    exercise("1", ..., False, rtol=0)
    reproduce("p", published=1, ours=1, at_least=1)
    stated("−1", -1, "y")
    console.flush()
    lines = console.buffer.getvalue().decode(encoding).splitlines()
    assert all(line.startswith(wanted) for line, wanted in zip(lines, printed, strict=True)), lines


def test_printing_to_what_names_no_encoding(monkeypatch):
    console = io.StringIO()
    monkeypatch.setattr(sys, "stdout", console)
    stated("−1", -1, "y")
    assert console.getvalue() == "= −1 y\n"
    monkeypatch.setattr(sys, "stdout", None)
    stated("−1", -1, "y")


@SIZES
def test_reproduce_at_its_limits(size, capsys):
    low, high = 0.901 * size, 1.099 * size
    for at, ours in (({"at_least": low}, low), ({"at_most": high}, high), ({"at_least": low, "at_most": high}, size)):
        reproduce("x", published=size, ours=ours, **at)
    reproduce("x", published=-size, ours=-size, at_least=-high)
    reproduce("x", published=10, ours=9, at_least=9)
    for at in ({"at_least": 0.899 * size}, {"at_most": 1.101 * size}, {"at_least": size, "at_most": 1.101 * size}):
        with pytest.raises(VacuousCheck, match="more than 10 % from the published .*; say why in because="):
            reproduce("x", published=size, ours=size, **at)
        reproduce("x", published=size, ours=size, because="fewer examples", **at)
    for at, ours in (
        ({"at_least": 0.95}, 0.9499),
        ({"at_most": 1.05}, 1.0501),
        ({"at_least": 0.95, "at_most": 1.05}, 1.2),
    ):
        at = {name: bar * size for name, bar in at.items()}
        with pytest.raises(
            AssertionError, match=f"x: published {size:g}, here .*, which is not [≥≤] ".replace("+", ".")
        ):
            reproduce("x", published=size, ours=ours * size, **at)
    for published, bar in ((np.inf, 1.0), (1.0, np.nan)):
        with pytest.raises(VacuousCheck, match="a number is not finite"):
            reproduce("x", published=published, ours=1.0, at_least=bar, because="y")


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
