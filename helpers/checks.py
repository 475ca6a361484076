"""Checks that could have said no.

A lecture numbers each formula that claims something, and a cell below it calls one of these functions with that
number. A check compares the formula with an independent computation; it raises `AssertionError` where the two
disagree, and refuses to run (`VacuousCheck`) where it could not have told a wrong formula from a right one.
What it prints holds only digits that no machine can move: the tolerance, never the error.

How to read and write them: lecture 0_start_here.
"""

import numpy as np


class VacuousCheck(Exception):
    """The check would have passed whatever the formula says, so passing it would mean nothing."""


def check(tag, claim, formula, measured, rtol):
    """Demand that `formula` equals `measured`, computed by another route, within `rtol`.

    formula, measured   numbers or arrays of one shape; the deviation is the largest |formula - measured| over
                        the largest |measured|, so small entries beside large ones are tested only loosely
    rtol                allowed deviation, relative; below 0.1, or a value that is 10 % off would pass
    """
    formula, measured = _pair(tag, formula, measured)
    _need(tag, np.all(np.isfinite(measured)), "the reference is not finite")
    size = np.max(np.abs(measured))
    _need(tag, size > 0, "the reference is zero, so every relative deviation from it is undefined")

    def passes(candidate):
        return np.max(np.abs(candidate - measured)) <= rtol * size

    # A tolerance that turns down the value that is 10 % off turns down the negated and the doubled one as well.
    _need(
        tag, rtol < 0.1 and not passes(1.1 * measured), f"the 10 %-off value would pass too (rtol {rtol:g} is too wide)"
    )
    if not passes(formula):
        deviation = np.max(np.abs(formula - measured)) / size
        _fail(tag, claim, f"off by {deviation:.2g} of the reference's size, allowed is {rtol:g}")
    _passed(tag, claim, f"within {rtol:g}")


def check_order(tag, claim, steps, errors, order, tol):
    """Demand that `errors` shrink like steps**order: the slope of log error over log step is `order` up to `tol`.

    steps, errors   (k,) positive, k >= 3 different steps that span at least a factor of 8, or a slope means little

    Between each two neighbouring steps the slope must also be nearer to `order` than to the next whole number, so that
    errors which level off do not pass for a lower order.
    """
    steps, errors = _pair(tag, steps, errors)
    _need(tag, steps.ndim == 1 and len(set(steps)) == len(steps) >= 3, "an order needs at least three different steps")
    _need(tag, np.all(np.isfinite(steps)) and np.all(steps > 0), "a step is not a positive number")
    _need(tag, max(steps) >= 8 * min(steps), "the steps span less than a factor of 8")
    _need(tag, 0 < tol < 0.5, f"tol {tol:g} does not tell the order from its neighbour")
    # An exact zero means that the error was compared with itself or fell below rounding; no order can be read off.
    _need(tag, not np.any(errors == 0), "an error is exactly zero")
    if not np.all(np.isfinite(errors)) or np.any(errors < 0):
        _fail(tag, claim, "an error is negative or not finite")
    slope = np.polyfit(np.log(steps), np.log(errors), 1)[0]
    if not abs(slope - order) <= tol:
        _fail(tag, claim, f"fitted order {slope:.2f}, claimed {order:g} ± {tol:g}")
    ascending = np.argsort(steps)
    neighbours = np.diff(np.log(errors[ascending])) / np.diff(np.log(steps[ascending]))
    if not np.all(np.abs(neighbours - order) < 0.5):
        worst = neighbours[np.argmax(np.abs(neighbours - order))]
        _fail(tag, claim, f"order {worst:.2f} between two neighbouring steps, claimed {order:g}")
    _passed(tag, claim, f"order {order:g} ± {tol:g}")


def check_mean(tag, claim, samples, expected, z=4):
    """Demand that the mean of independent `samples` is `expected`, up to `z` standard errors (central limit theorem).

    samples    (m, ...) independent draws along the first axis, m >= 30
    expected   (...) what the formula says
    """
    samples, expected = _real(tag, samples), _real(tag, expected)
    if samples.ndim == 0 or samples.shape[1:] != expected.shape:
        raise ValueError(f"({tag}) samples: got shape {samples.shape}; want (m, ...) with (...) = {expected.shape}")
    _need(tag, len(samples) >= 30, "fewer than 30 samples do not give a standard error")
    _need(tag, np.all(np.isfinite(samples)), "a sample is not finite")
    if not np.all(np.isfinite(expected)):
        _fail(tag, claim, "the expected value is not finite")
    mean = samples.mean(axis=0)
    error = samples.std(axis=0, ddof=1) / np.sqrt(len(samples))
    size = np.max(np.abs(expected))
    _need(tag, size > 0, "the expected value is zero, so no relative error can be told")
    # A column of equal samples has a standard error of pure rounding.
    _need(tag, np.all(error > 1e-12 * np.max(np.abs(samples), axis=0)), "the samples do not vary")
    _need(tag, np.max(error) <= 0.1 * size, "the standard error exceeds 10 % of the value; draw more samples")

    def passes(candidate):
        return np.all(np.abs(mean - candidate) <= z * error)

    _need(tag, not passes(2 * mean), f"the doubled value would pass too (z {z:g} is too wide)")
    if not passes(expected):
        _fail(tag, claim, f"off by {np.max(np.abs(mean - expected) / error):.1f} standard errors, allowed are {z:g}")
    _passed(tag, claim, f"within {z:g} standard errors, each {100 * np.max(error) / size:.1g} %")


def check_bound(tag, claim, smaller, larger):
    """Demand smaller <= larger, entry by entry. A number on one side bounds every entry of the other.

    The two sides must not be equal throughout: then the reversed claim would pass as well.
    """
    sides = [_real(tag, side) for side in (smaller, larger)]
    if sides[0].ndim and sides[1].ndim:
        _one_shape(tag, *sides)
    _need(tag, all(side.size and np.all(np.isfinite(side)) for side in sides), "a side is empty or not finite")
    _need(tag, np.any(sides[0] != sides[1]), "both sides are equal, so the reversed claim would pass too")
    excess = sides[0] - sides[1]
    if np.any(excess > 0):
        _fail(tag, claim, f"broken at {np.sum(excess > 0)} of {excess.size} places, by up to {np.max(excess):.2g}")
    _passed(tag, claim, f"held at {excess.size} of {excess.size} places")


def reproduce(what, published, ours, at_least=None, at_most=None, because=None):
    """Print a published number beside ours, as the bar that ours clears, so that no machine's last digits show.

    published           the number as printed in the paper `what` names, verified there; None when the paper prints
                        none, and then `because` says what it shows instead
    at_least, at_most   the bar; one or both. Raises AssertionError when `ours` does not clear it.
    because             the reason for the difference; demanded when the bar lies more than 10 % from `published`,
                        since such a bar no longer says that the number was reproduced
    """
    bars = {"≥": at_least, "≤": at_most}
    bars = {sign: float(bar) for sign, bar in bars.items() if bar is not None}
    printed = "no number" if published is None else f"{published:g}"
    values = [float(ours), *bars.values()] + ([] if published is None else [float(published)])
    _need(what, bars, "without at_least or at_most every number would pass")
    _need(what, np.all(np.isfinite(values)), "a number is not finite")
    if not because:
        _need(what, published is not None, "without a published number because= must say what the paper shows")
        for sign, bar in bars.items():
            near = abs(bar - published) <= 0.1 * abs(published)
            _need(what, near, f"{sign} {bar:g} is more than 10 % from the published {published:g}; say why in because=")
    cleared = all(ours >= bar if sign == "≥" else ours <= bar for sign, bar in bars.items())
    told = " and ".join(f"{sign} {bar:g}" for sign, bar in bars.items())
    if not cleared:
        raise AssertionError(f"✗ {what}: published {printed}, here {ours:.3g}, which is not {told}")
    print(f"▸ {what}: published {printed} · here {told}" + (f" · {because}" if because else ""))


def _pair(tag, left, right):
    """Both sides as float arrays of one shape, refused when they are one array: it always equals itself."""
    # Small whole numbers are one object wherever they come from; other numbers are not.
    same = left is right and not isinstance(left, int)
    if isinstance(left, np.ndarray) and isinstance(right, np.ndarray):
        same = same or left.__array_interface__ == right.__array_interface__
    left, right = _real(tag, left), _real(tag, right)
    _one_shape(tag, left, right)
    _need(tag, left.size > 0, "there is nothing to compare")
    _need(tag, not same, "both sides are the same array")
    return left, right


def _real(tag, side):
    if np.iscomplexobj(side):
        raise ValueError(f"({tag}) a side: got complex numbers; want real ones, so compare the two parts")
    return np.asarray(side, dtype=float)


def _one_shape(tag, left, right):
    if left.shape != right.shape:
        raise ValueError(f"({tag}) the two sides: got shapes {left.shape} and {right.shape}; want one shape")


def _need(tag, could_fail, reason):
    if not could_fail:
        raise VacuousCheck(f"({tag}) {reason}")


def _fail(tag, claim, reason):
    raise AssertionError(f"✗ ({tag}) {claim}: {reason}")


def _passed(tag, claim, how):
    print(f"✓ ({tag}) {claim}: {how}")
