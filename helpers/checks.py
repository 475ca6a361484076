"""Checks that could have said no.

A lecture numbers each formula that claims something, and a cell below it calls one of these functions with that
number. A check compares the formula with an independent computation; it raises `AssertionError` where the two
disagree, and refuses to run (`VacuousCheck`) where it could not have told a wrong formula from a right one.
What it prints holds only digits that no machine can move: the tolerance, never the error.

`stated` holds the numbers of a sentence to what was measured, `reproduce` those of a paper, and `exercise` tells a
reader what is wrong with an answer.

How to read and write them: lecture 0_start_here.
"""

import functools
import numbers
import re
import sys
import traceback
from decimal import Decimal

import numpy as np

KINDS_OF_BOUND = ("bound", "sign", "ordering")
# The forms of a number in a sentence. A second number among the words would look as if it had been compared.
NUMBER = r"([-+−]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?:e[-+−]?\d+)?)(?!\w)"
WORDS = r"(?:(?!\b\d).)*"
COUNTS = rf"(\d[\d,]*) of (?:the )?(\d[\d,]*)(?!\w|\s?%){WORDS}"
RANGE = rf"{NUMBER}(\s?%)? to {NUMBER}((?(2)\s?%|(?:\s?%)?)){WORDS}"  # with "%" after the first, one after the second
ONE = rf"(at least |at most )?{NUMBER}(\s?%)?{WORDS}"
ROUNDING = 1e-6  # of the last written digit: a number that lies on the edge may be on either side of it
PLAIN = str.maketrans({"✓": "ok", "✗": "wrong", "▸": ">", "○": "o", "≥": ">=", "≤": "<=", "−": "-"})


class VacuousCheck(Exception):
    """The check would have passed whatever the formula says, so passing it would mean nothing."""


def check(tag, claim, formula, measured, rtol, floor=None, slips=None):
    """Demand that `formula` equals `measured`, computed by another route, within `rtol`.

    formula, measured   numbers or arrays of one shape; the deviation is the largest |formula - measured| over
                        the largest |measured|, so small entries beside large ones are tested only loosely
    rtol                allowed deviation, relative; below 0.1, or a value that is 10 % off would pass; above 0.01 with
                        `slips` only
    floor               positive; then each deviation is relative to its own |measured|, or to the floor where
                        |measured| is smaller, so small entries are tested as well
    slips               {"what was forgotten": the wrong value, of the same shape}: each must miss by more than `rtol`
                        and by more than twice what the formula misses, or the check could not tell it from the formula
    """
    formula, measured = _pair(tag, formula, measured)
    _need(tag, np.all(np.isfinite(measured)), "the reference is not finite")
    size = np.max(np.abs(measured))
    _need(tag, size > 0, "the reference is zero, so every relative deviation from it is undefined")
    if floor is not None:
        _need(tag, 0 < floor < np.inf, f"the floor is {floor}, which is not a positive number")
        _need(tag, size > floor, "no entry of the reference lies above the floor")
        size = np.maximum(np.abs(measured), floor)
    # A tolerance that turns down the value that is 10 % off turns down the negated and the doubled one as well.
    _need(tag, rtol < 0.1, f"the 10 %-off value would pass too (rtol {rtol:g} is too wide)")
    _need(tag, rtol <= 0.01 or slips, f"a slip might pass too (rtol {rtol:g} is above 1 % and no slips= are given)")

    def deviation(candidate):
        return np.max(np.abs(candidate - measured) / size)

    missed = deviation(formula)
    if not missed <= rtol:
        whole = "the reference's size" if floor is None else "an entry's size"
        _fail(tag, claim, f"off by {missed:.2g} of {whole}, allowed is {rtol:g}")
    for name, wrong in (slips or {}).items():
        wrong = _real(tag, wrong)
        _one_shape(tag, wrong, measured)
        told = f"the slip '{name}' is off by {deviation(wrong):.2g}, the formula by {missed:.2g}, allowed is {rtol:g}"
        _need(tag, max(rtol, 2 * missed) < deviation(wrong) < np.inf, told)
    told = f", {len(slips)} slip{'s' if len(slips) > 1 else ''} turned down" if slips else ""
    _passed(tag, claim, f"within {rtol:g}" + (" of each entry" if floor else "") + told)


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


def check_bound(tag, claim, smaller, larger, kind="bound", attained=None, loose=None):
    """Demand smaller <= larger, entry by entry. A number on one side bounds every entry of the other.

    The two sides must not be equal throughout: then the reversed claim would pass as well.

    kind       "bound", with attained or loose; or "sign", where one side is 0; or "ordering" of two measured things
    attained   (left, right, share): the two sides of a case made for this bound, right > 0, in which left is at least
               `share` of right; above 0.5, or a bound that is twice too large would pass
    loose      the reason why there is no such case
    """
    if kind not in KINDS_OF_BOUND:
        raise ValueError(f"({tag}) kind: got {kind!r}; want one of {KINDS_OF_BOUND}")
    if attained is not None and loose is not None:
        raise ValueError(f"({tag}) got both attained= and loose=; want one of them, as an attained bound is not loose")
    if kind != "bound" and (attained is not None or loose is not None):
        raise ValueError(f"({tag}) got kind {kind!r} with attained= or loose=; want them with a bound only")
    if kind == "bound" and attained is None and loose is None:
        raise ValueError(f"({tag}) got a bare bound, and one far too loose would pass; want attained=, loose= or kind=")
    if loose is not None and not (isinstance(loose, str) and loose.strip()):
        raise ValueError(f"({tag}) loose: got {loose!r}; want the reason in words")
    sides = [_real(tag, side) for side in (smaller, larger)]
    if sides[0].ndim and sides[1].ndim:
        _one_shape(tag, *sides)
    if kind == "sign" and np.any(sides[0]) and np.any(sides[1]):
        raise ValueError(f"({tag}) kind: got 'sign' with two sides that are not 0; want 'bound' or 'ordering'")
    _need(tag, all(side.size and np.all(np.isfinite(side)) for side in sides), "a side is empty or not finite")
    _need(tag, np.any(sides[0] != sides[1]), "both sides are equal, so the reversed claim would pass too")
    excess = sides[0] - sides[1]
    if np.any(excess > 0):
        _fail(tag, claim, f"broken at {np.sum(excess > 0)} of {excess.size} places, by up to {np.max(excess):.2g}")
    told = f"held at {excess.size} of {excess.size} places"
    if attained is not None:
        told += f", attained to {_attained(tag, claim, attained):g}"
    _passed(tag, claim, told + (f", loose: {loose}" if loose else ""))


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
    _print(f"▸ {what}: published {printed} · here {told}" + (f" · {because}" if because else ""))


def stated(written, measured, what):
    """Demand that a sentence's number is what was measured, and print it.

    written    as the sentence has it; words may follow:
               "0.46", "1,437", "1e-5", "−0.3"   a number: `measured` is within half a unit of its last digit
               "44 %"                            the same of a fraction
               "9 of 10"                         `measured` is exactly (9, 10)
               "0.43 to 0.47", "43 to 47 %"      the smallest and the largest of an array round to these
               "at least 0.94", "at most 6 %"    the extreme is on this side, less than two units of the last digit away
    what       what the number counts or measures

    Raises AssertionError where `measured` is something else, ValueError where `written` or the shape of `measured`
    is none of these, VacuousCheck where nothing was measured.
    """
    measured = _real(what, measured)
    _need(what, measured.size > 0, "nothing was measured")
    if not isinstance(written, str):
        raise ValueError(f"{what}: got {written!r}; want the words of the sentence")
    smallest, largest = np.min(measured), np.max(measured)
    found = f"{smallest:.9g} to {largest:.9g}" if measured.ndim else f"{measured:.9g}"
    if match := re.fullmatch(COUNTS, written):
        if measured.shape != (2,):
            raise ValueError(f"{what}: got shape {measured.shape} for {written!r}; want two counts")
        right = list(measured) == [_value(count, "")[0] for count in match.groups()]
        found = f"{measured[0]:.9g} of {measured[1]:.9g}"
    elif match := re.fullmatch(RANGE, written):
        low, _, high, percent = match.groups()
        (low, low_unit), (high, high_unit) = _value(low, percent), _value(high, percent)
        if not low < high or measured.size < 2:
            raise ValueError(f"{what}: got {written!r} for {measured.size} values; want the smaller first, for several")
        half = 0.5 + ROUNDING
        right = abs(smallest - low) <= half * low_unit and abs(largest - high) <= half * high_unit
    elif match := re.fullmatch(ONE, written):
        bar, value, percent = match.groups()
        value, unit = _value(value, percent)
        if bar:
            above = (smallest - value if bar == "at least " else value - largest) / unit
            right = -ROUNDING <= above < 2 - ROUNDING and np.all(np.isfinite(measured))
        elif measured.ndim:
            raise ValueError(f"{what}: got shape {measured.shape} for {written!r}; want a number, or write a range")
        else:
            right = abs(measured - value) <= (0.5 + ROUNDING) * unit
    else:
        forms = "'0.46', '44 %', '9 of 10', '0.43 to 0.47', 'at least 0.94' or 'at most 0.06', words after it"
        raise ValueError(f"{what}: got {written!r}; want a form like {forms}")
    if not right:
        raise AssertionError(f"✗ {what}: written {written}, measured {found}")
    _print(f"= {written} {what}")


def exercise(number, answer, truth, rtol, factors=None, floor=None):
    """Print whether a reader's `answer` is right, and what is wrong with it if that can be told; never raise for it.

    answer    anything; `...` and None stand for no answer yet
    truth     a number or an array: right within `rtol` of the largest |truth|, entry by entry
              an int: a count, compared exactly; a bool; a word, compared without case and surrounding blanks
              a tuple (low, high): every number from low to high is right
    factors   {"n": n}: factors that a reader may forget or put in twice, told by their names
    floor     deviations up to this count as right, too; needed where the truth is 0

    Raises VacuousCheck for a truth that could not turn a wrong answer down, ValueError for one that is none of these.
    """
    name = f"exercise {number}"
    wanted, how = "a number", "right"
    if isinstance(truth, str):
        _need(name, truth.strip(), "the right word is empty")
        wanted, judge = "a word", functools.partial(_word_slip, word=truth)
    elif isinstance(truth, bool | np.bool_):
        wanted, judge = "True or False", functools.partial(_bool_slip, truth=truth)
    elif isinstance(truth, tuple) and len(truth) == 2:
        ends = _real(name, truth)
        if ends.shape != (2,) or ends[1] < ends[0]:
            raise ValueError(f"({name}) truth: got {truth}; want two numbers (low, high) with low <= high")
        _need(name, np.all(np.isfinite(ends)), "an end of the range is not finite")
        judge = functools.partial(_range_slip, low=ends[0], high=ends[1])
    else:
        rtol = 0 if isinstance(truth, numbers.Integral) else rtol
        truth = _real(name, truth)
        _need(name, truth.size > 0 and np.all(np.isfinite(truth)), "the truth is empty or not finite")
        size = np.max(np.abs(truth))
        # rtol < 1 turns down the doubled and the negated value, unless they are the truth.
        _need(name, 0 <= rtol and (floor is not None or (rtol < 1 and size > 0)), "a doubled answer would pass too")
        _need(name, floor is None or 0 <= floor < np.inf, f"the floor is {floor}; want a number of 0 or more")
        allowed = max(rtol * size, floor or 0)
        if truth.ndim:
            wanted = f"an array of shape {truth.shape}"
        if rtol:
            how = f"right, within {floor if allowed > rtol * size else rtol:g}"
        slips = _slips(truth, factors or {})
        judge = functools.partial(_number_slip, truth=truth, rtol=rtol, allowed=allowed, slips=slips, wanted=wanted)
    if answer is ... or answer is None:
        _print(f"○ {name}: put your answer in place of the dots and run this cell again")
        return
    try:
        with np.errstate(all="ignore"):
            slip = judge(answer)
    except Exception as error:  # an answer can be any object, and looking at it can raise anything
        reason = traceback.format_exception_only(error)[-1].splitlines()[0]
        slip = f"got {type(answer).__name__} ({reason.partition(': ')[2] or reason}); want {wanted}"
    _print(f"✗ {name}: {slip}" if slip else f"✓ {name}: {how}")


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
    try:
        given = np.asarray(side)
        if given.dtype.kind == "c":
            raise ValueError(f"({tag}) a side: got complex numbers; want real ones, so compare the two parts")
        if given.dtype.kind not in "biufO":
            raise ValueError(f"({tag}) a side: got type {given.dtype}; want numbers")
        return given.astype(float)
    except (TypeError, OverflowError, RuntimeError) as error:
        raise ValueError(f"({tag}) a side: got {type(side).__name__} that is not numbers ({error})") from None


def _one_shape(tag, left, right):
    if left.shape != right.shape:
        raise ValueError(f"({tag}) the two sides: got shapes {left.shape} and {right.shape}; want one shape")


def _need(tag, could_fail, reason):
    if not could_fail:
        raise VacuousCheck(f"({tag}) {reason}")


def _fail(tag, claim, reason):
    raise AssertionError(f"✗ ({tag}) {claim}: {reason}")


def _passed(tag, claim, how):
    _print(f"✓ ({tag}) {claim}: {how}")


def _print(line):
    """Print a line, in plain letters where the console has no ticks, as Windows' default has none."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    try:
        line.encode(encoding)
    except UnicodeEncodeError:
        line = line.translate(PLAIN).encode(encoding, "backslashreplace").decode(encoding)
    print(line)


def _attained(tag, claim, attained):
    """The share of a bound's right side that its left side reaches at least, in a case made for it."""
    attained = _real(tag, attained)
    if attained.shape != (3,):
        raise ValueError(f"({tag}) attained: got shape {attained.shape}; want three numbers (left, right, share)")
    left, right, share = attained
    _need(tag, 0.5 < share <= 1, f"attained: share {share:g} is not in (0.5, 1], so a bound twice too large would pass")
    _need(tag, 0 < right < np.inf, f"attained: the right side is {right:g}; a share is told of a positive number only")
    slack = 1e-12 * right
    if not left <= right + slack:
        _fail(tag, claim, f"broken in the case made for it: {left:g} > {right:g}")
    if not left >= share * right - slack:
        _fail(tag, claim, f"attained only to {left / right:.2g}, claimed is {share:g}")
    return share


def _value(text, percent):
    """A written number and the unit of its last digit."""
    digits = text.replace(",", "").replace("−", "-")
    scale = 100 if percent else 1
    return float(digits) / scale, 10.0 ** Decimal(digits).as_tuple().exponent / scale


def _slips(truth, factors):
    """The wrong values that a reader may come to, by the words that tell them, the likeliest first."""
    slips = {}
    for name, factor in factors.items():
        if not (factor and np.isfinite(factor)):
            raise ValueError(f"factor {name}: got {factor}; want a finite number other than 0")
        slips |= {f"{name} times too large": factor * truth, f"{name} times too small": truth / factor}
    slips |= {"twice the right value": 2 * truth, "half the right value": truth / 2}
    if truth.ndim == 2:
        slips["the transpose"] = truth.T
    with np.errstate(all="ignore"):  # what has no root or reciprocal is left out for not being finite
        slips |= {"the square of the right value": truth**2, "the square root of the right value": np.sqrt(truth)}
        slips["the reciprocal of the right value"] = 1 / truth
    negated = {f"{words}, and the sign is wrong": -wrong for words, wrong in slips.items()}
    slips = {"the sign is wrong": -truth} | slips | negated
    return {words: wrong for words, wrong in slips.items() if np.all(np.isfinite(wrong))}


def _number_slip(answer, truth, rtol, allowed, slips, wanted):
    """What is wrong with a reader's number or array, in words that do not give the truth away; "" if it is right."""
    given = _finite(answer)

    def near(left, right, tolerance):
        return left.shape == right.shape and np.max(np.abs(left - right)) <= tolerance

    if near(given, truth, allowed):
        return ""
    for words, wrong in slips.items():
        # A slip that leads to the truth, such as the transpose of a symmetric matrix, is none.
        if near(given, wrong, rtol * np.max(np.abs(wrong))) and not near(wrong, truth, allowed):
            return words
    if given.shape != truth.shape:
        transposed = "the shape is transposed: " if given.ndim == 2 and given.T.shape == truth.shape else ""
        return f"{transposed}got shape {given.shape}; want {wanted}"
    if given.ndim == 1 and near(np.sort(given), np.sort(truth), allowed):
        return "the right values in another order"
    if given.size == 1:
        return "not the right value"
    # Entries so small that a zero would do for them say nothing where they are right.
    right, small = np.abs(given - truth) <= allowed, np.abs(truth) <= allowed
    if not np.any(right & ~small):
        return "right nowhere"
    return f"right at {np.sum(right & ~small)} of {np.sum(~right | ~small)} places"


def _range_slip(answer, low, high):
    given = _finite(answer)
    if given.ndim:
        return f"got shape {given.shape}; want a number"
    return "too small" if given < low else "too large" if given > high else ""


def _bool_slip(answer, truth):
    given = np.asarray(answer)
    if given.dtype != bool or given.ndim:
        raise TypeError("neither True nor False")
    return "" if given == truth else "not right"


def _word_slip(answer, word):
    if not isinstance(answer, str):
        raise TypeError("not a word")
    return "" if answer.strip().casefold() == word.strip().casefold() else "not the right word"


def _finite(answer):
    """A reader's answer as an array of finite numbers; raises whatever the answer raises when it is none."""
    given = np.asarray(answer)
    if given.dtype.kind not in "biufO" or given.dtype == bool and given.ndim == 0:
        raise TypeError("not real numbers")
    given = given.astype(float)
    if not np.all(np.isfinite(given)):
        raise ValueError("not finite")
    return given
