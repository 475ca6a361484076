"""Reading arguments: turn what came into the array that is wanted, or say plainly what is wrong with it.

Every function raises `ValueError` with the argument's name, what came and what is wanted, so that a slip in a
lecture's cell is told where it was made and never travels on as a NaN.
"""

import numbers

import numpy as np

LARGEST_NUMBER = 1e100  # products of two stay far from overflow
SMALLEST_NUMBER = 1e-100  # and squares far from underflow, where one that is not 0 is wanted
LARGEST_LABEL = 99_999


def array(name, value, shape):
    """Return `value` as a finite float64 array of the given shape; None in `shape` leaves that length free."""
    try:
        given = np.asarray(value)
        if given.dtype.kind not in "biufO" or np.ma.isMaskedArray(value):
            raise TypeError(f"its type is {given.dtype}{', masked' if np.ma.isMaskedArray(value) else ''}")
        result = given.astype(np.float64)
    except (TypeError, ValueError, OverflowError, RuntimeError) as error:
        raise ValueError(f"{name}: got {type(value).__name__} that is not an array of real numbers ({error})") from None
    fits = result.ndim == len(shape) and all(w is None or w == g for w, g in zip(shape, result.shape, strict=True))
    if not fits or 0 in result.shape:
        wanted = "(" + " ".join("any," if length is None else f"{length}," for length in shape) + ")"
        raise ValueError(f"{name}: got shape {result.shape}; want {wanted}, with no empty axis")
    if not np.all(np.isfinite(result)):
        place = tuple(int(i) for i in np.argwhere(~np.isfinite(result))[0])
        raise ValueError(f"{name}: got {result[place]} at index {place}; want finite numbers only")
    largest = max(result.max(), -result.min())  # without a copy of what may be hundreds of megabytes
    if largest > LARGEST_NUMBER:
        raise ValueError(f"{name}: got {largest:g}; want numbers of size {LARGEST_NUMBER:g} or less")
    return result


def labels(name, value, length, classes=None):
    """Return `value` as an integer array of shape (length,) with entries 0 .. classes - 1."""
    found = array(name, value, (length,))
    if np.any(found != np.round(found)):
        raise ValueError(f"{name}: got {found[found != np.round(found)][0]}; want whole-number labels")
    largest = LARGEST_LABEL if classes is None else classes - 1
    if found.min() < 0 or found.max() > largest:
        bad = found[(found < 0) | (found > largest)][0]
        raise ValueError(f"{name}: got label {bad:g}; want labels from 0 to {largest}")
    return found.astype(np.int64)


def positive(name, value):
    """Return `value` as a float that is finite and larger than zero."""
    try:
        size = float(value) if _is_number(value, numbers.Real) else np.nan
    except OverflowError:
        size = np.inf
    if not SMALLEST_NUMBER <= size <= LARGEST_NUMBER:
        raise ValueError(f"{name}: got {value!r}; want a finite number larger than 0, of at least {SMALLEST_NUMBER:g}")
    return size


def count(name, value):
    """Return `value` as an int of 1 or more."""
    if not _is_number(value, numbers.Integral) or value < 1:
        raise ValueError(f"{name}: got {value!r}; want a whole number of 1 or more")
    return int(value)


def index(name, value, length):
    """Return `value` as an int in 0 .. length - 1; negative indices are refused, as they hide off-by-one slips."""
    if not _is_number(value, numbers.Integral) or not 0 <= value < length:
        raise ValueError(f"{name}: got {value!r}; want a whole number from 0 to {length - 1}")
    return int(value)


def indices(name, value, length):
    """Return a sequence of indices, each in 0 .. length - 1, as an integer array; None stands for all of them."""
    if value is None:
        return np.arange(length)
    if axes(value) != 1:
        raise ValueError(f"{name}: got {value!r}; want a sequence of whole numbers")
    return np.array([index(name, i, length) for i in value], dtype=int)


def axes(value):
    """The number of axes of `value`, or None when no array can be made of it."""
    try:
        return np.ndim(value)
    except (TypeError, ValueError, RuntimeError):
        return None


def _is_number(value, kind):
    # To Python a bool is a whole number, and to NumPy a span of time.
    return isinstance(value, kind) and not isinstance(value, bool | np.timedelta64)
