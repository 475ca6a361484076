"""Each function with one argument replaced by something odd: a ValueError that names it, or the right answer.

The right answer to a list, a float32 array, a transposed view or a whole number is the answer to the plain float64
array of the same numbers, and it holds no NaN. Only what a docstring announces may be raised beside ValueError.
"""

import contextlib
import copy
import decimal
import fractions
import inspect
import io
import re
import warnings

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from helpers import checks, data, influence, sgd, softmax, two_layer

N, D, K = 7, 3, 4
_rng = np.random.default_rng(0)
X, WEIGHTS = _rng.normal(size=(N, D)), _rng.normal(size=(D, K))
Y = np.arange(N) % K
TARGET = _rng.normal(size=N)
_root = _rng.normal(size=(D, D))
A, C = _root @ _root.T + np.eye(D), _root.T @ _root + np.eye(D)
V, U = _rng.normal(size=(2, K, D)), _rng.normal(size=(D, D))
START = _rng.normal(size=(5, D))


def chains(**changed):
    """sgd.chains on ridge regression, with fresh draws."""
    return sgd.chains(sgd.ridge_gradient(X, TARGET, 0.1), n=N, rng=np.random.default_rng(0), **changed)


def lissa(**changed):
    """Raises ArithmeticError when the runs diverge."""
    return influence.lissa(**changed, rng=np.random.default_rng(0))


problem = {"weights": WEIGHTS, "x": X, "y": Y, "l2": 0.1}
pair = {"test_x": X[:2] + 1, "test_y": Y[:2]}
ridge = {"x": X, "y": TARGET, "l2": 0.1, "step_size": 0.05, "batch_size": 2}
network = {"v": V, "u": U}
CALLS = {
    softmax.fit: {"x": X, "y": Y, "l2": 0.1, "sample_weight": np.arange(N), "start": WEIGHTS},
    softmax.loss: problem,
    softmax.gradients: problem,
    softmax.residuals: {"weights": WEIGHTS, "x": X, "y": Y},
    softmax.hessian: {"weights": WEIGHTS, "x": X, "l2": 0.1},
    softmax.hessian_product: {"weights": WEIGHTS, "x": X, "l2": 0.1, "vector": np.arange(D * K)},
    influence.on_params: problem | {"index": 2},
    influence.on_loss: problem | pair,
    influence.of_perturbation: problem | {"test_x": X[0] + 1, "test_y": 1, "index": 2},
    influence.leave_one_out: problem | {"indices": [0, 3]},
    influence.newton_step: problem | {"indices": [0, 3]},
    influence.conjugate_gradient: {"product": lambda v: 2 * v + np.sum(v), "right": X[0], "rtol": 1e-8},
    lissa: {"weights": WEIGHTS, "x": X, "l2": 0.1, "right": np.arange(D * K)}
    | {"scale": 20.0, "depth": 5, "batch": 3, "repeats": 2},
    two_layer.kernel: network,
    two_layer.loss: network,
    two_layer.gradient: network,
    two_layer.hessian: {"v": V[0], "u": U},
    two_layer.descend: network | {"step": 0.1, "largest_gradient": 1e-3, "most_steps": 20},
    two_layer.potential: network,
    two_layer.one_point_ratio: {"v": V[:, :D], "u": U},
    data.standardised: {"x": X},
    sgd.noise_covariance: {"gradients": X},
    sgd.unit_noise: {"x": X, "y": TARGET},
    sgd.at_minimum: {"x": X, "y": TARGET},
    sgd.stationary_covariance: {"A": A, "C": C, "step_size": 0.05, "batch_size": 2, "form": "discrete"},
    sgd.stationary_covariance_exact: ridge | {"matrix": np.eye(D) * 0.5, "keep": 0.5, "noise": C},
    sgd.largest_step_size: {"x": X, "l2": 0.1, "batch_size": 2},
    sgd.best_step_size: {"C": C, "batch_size": 2, "n": N},
    sgd.kl: {"covariance": A, "precision": C, "mean": X[0], "samples": 9},
    chains: {"start": START, "step_size": 0.05, "batch_size": 2, "steps": 3, "scheme": "shuffled epochs"}
    | {"matrix": np.eye(D), "keep": 0.5, "noise": C},
}
CASES = [(function, name) for function, arguments in CALLS.items() for name in arguments]

JUNK = [None, ..., "word", b"1", "", object(), {}, set(), [], (), [[]], [[1, 2], [3]], 1j, np.array("a"), len, type]
JUNK += [np.nan, np.inf, -np.inf, 1e400, -(10**400), -1, 0, 0.5, -0.0, True, False, 2.0, 1e-320, 1e99, 1e200]
JUNK += [np.float32(2), np.int8(2), np.array(2), np.array(0.1), np.array([2]), [2], decimal.Decimal("0.1"), range(3)]
JUNK += [fractions.Fraction(1, 10), decimal.Decimal("NaN"), np.datetime64("2018-01-01"), np.timedelta64(1, "s"), [None]]
JUNK += [torch.tensor(0.1), torch.ones(3, requires_grad=True), torch.tensor(1j), np.eye(D).tolist(), "1", ["1", "2"]]


def _nan_at(array, place, value):
    result = np.array(array, dtype=float)
    result.flat[place % result.size] = value
    return result


ARRAYS = {
    "with a hole": lambda a, k: _nan_at(a, k, [np.nan, np.inf, -np.inf, 1e101][k % 4]),
    "with a large entry": lambda a, k: _nan_at(a, k, 10.0 ** (k % 100)),
    "scaled": lambda a, k: a * 10.0 ** (k % 400 - 300),
    "negated": lambda a, k: -a,
    "all zero": lambda a, k: 0 * a,
    "constant": lambda a, k: 0 * a + k,
    "transposed": lambda a, k: np.asfortranarray(a.T),
    "rolled": lambda a, k: np.roll(a, k),
    "one row": lambda a, k: a[:1],
    "one row less": lambda a, k: a[:-1],
    "no row": lambda a, k: a[:0],
    "an axis more": lambda a, k: a[None],
    "flat": lambda a, k: a.ravel(),
    "repeated": lambda a, k: np.concatenate([a, a], axis=k % a.ndim),
    "a view": lambda a, k: np.repeat(a, 2, axis=-1)[..., ::2],
    "a list": lambda a, k: a.tolist(),
    "in another type": lambda a, k: a.astype(["f2", "f4", "i1", "u8", "?", "c16", "O", "U9", "S9", "f8"][k % 10]),
    "masked": lambda a, k: np.ma.masked_less(a, 0),
    "a tensor": lambda a, k: torch.tensor(np.array(a)),
    "fractions": lambda a, k: np.vectorize(fractions.Fraction, otypes="O")(a),
}


def _odd(data, value):
    """Something in place of a good value, and what it is as a plain array or number, where it is one."""
    if isinstance(value, (np.ndarray, list)) and data.draw(st.booleans(), label="an array"):
        change = ARRAYS[data.draw(st.sampled_from(sorted(ARRAYS)), label="change")]
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return change(np.asarray(value), data.draw(st.integers(0, 400), label="k"))
    kinds = [st.sampled_from(JUNK), st.floats(), st.integers(max_value=50), st.text(max_size=3)]
    return data.draw(st.one_of(kinds), label="junk")


def _plain(value, odd):
    """`odd` as the kind of thing that `value` is, in its plainest form; None where that cannot be."""
    try:
        if isinstance(value, list):
            return [int(i) for i in odd]
        if isinstance(value, np.ndarray):
            return np.array(odd, dtype=float)
        return type(value)(odd)
    except (TypeError, ValueError, OverflowError, RuntimeError):
        return None


def _default(function, name):
    parameters = inspect.signature(sgd.chains if function is chains else function).parameters
    return parameters[name].default if name in parameters else inspect.Parameter.empty


def _numbers(result):
    parts = result if isinstance(result, tuple) else (result,)
    return [np.asarray(part, dtype=float) for part in parts]


@pytest.mark.parametrize(("function", "name"), CASES, ids=[f"{f.__module__}.{f.__name__}-{n}" for f, n in CASES])
@settings(max_examples=30, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_an_odd_argument_is_refused_by_name_or_understood(function, name, data):
    good = CALLS[function]
    odd = _odd(data, good[name])
    assume(odd is not None or _default(function, name) is not None)
    kept = copy.deepcopy(odd) if isinstance(odd, (np.ndarray, list)) else None
    names = "|".join(good)
    may_fail = (ArithmeticError,) if "ArithmeticError" in _documentation(function) else ()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            found = _numbers(function(**good | {name: odd}))
        except ValueError as error:
            assert re.match(rf"({names}): got ", str(error)), f"{odd!r}: {error}"
            return
        except may_fail:
            return
    assert all(np.all(np.isfinite(part)) for part in found), f"{odd!r} gives {found}"
    if isinstance(kept, np.ndarray):
        np.testing.assert_array_equal(odd, kept)
    plain = _plain(good[name], odd)
    if plain is not None:
        for part, wanted in zip(found, _numbers(function(**good | {name: plain})), strict=True):
            np.testing.assert_allclose(part, wanted, rtol=1e-9, atol=1e-12)


def _documentation(function):
    return f"{inspect.getdoc(inspect.getmodule(function))} {inspect.getdoc(function)}"


anything = st.one_of(st.sampled_from(JUNK), st.floats(), st.integers(), st.text(max_size=8))
fuzzed = settings(max_examples=200, derandomize=True, deadline=None)


@fuzzed
@given(answer=anything, truth=st.sampled_from([2.0, 3, np.arange(3.0), "word", True, (1, 4)]))
def test_any_answer_to_an_exercise_is_judged_in_one_line(answer, truth):
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        checks.exercise("1.1-1", answer, truth, rtol=1e-6)
    assert re.fullmatch(r"[○✓✗] exercise 1.1-1: .+\n", printed.getvalue())


@fuzzed
@given(
    written=st.one_of(anything, st.sampled_from(["0.5", "2 of 3", "1 to 2", "at least 3", "4 %"])), measured=anything
)
def test_anything_stated_is_refused_or_true(written, measured):
    with contextlib.redirect_stdout(io.StringIO()):
        try:
            checks.stated(written, measured, "what")
        except (ValueError, AssertionError, checks.VacuousCheck):
            return
    numbers = [float(number) for number in re.findall(r"\d+", written)]
    assert np.min(np.abs(np.subtract.outer(np.ravel(np.array(measured, float)), numbers))) <= 2


@fuzzed
@given(formula=anything, measured=anything)
def test_two_things_that_differ_never_pass_a_check(formula, measured):
    with contextlib.redirect_stdout(io.StringIO()):
        try:
            checks.check("1.1.1", "claim", formula, measured, rtol=1e-6)
        except (ValueError, AssertionError, checks.VacuousCheck):
            return
    np.testing.assert_allclose(np.array(formula, float), np.array(measured, float), rtol=1e-6)
