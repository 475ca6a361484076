"""Reading arguments: turn what came into the array that is wanted, or say plainly what is wrong with it.

Every function raises `ValueError` with the argument's name, what came and what is wanted, so that a slip in a
lecture's cell is told where it was made and never travels on as a NaN.
"""

import numbers

import numpy as np


def array(name, value, shape):
    """Return `value` as a finite float64 array of the given shape; None in `shape` leaves that length free."""
    try:
        result = np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name}: got {type(value).__name__} that is not an array of real numbers ({error})") from None
    fits = result.ndim == len(shape) and all(w is None or w == g for w, g in zip(shape, result.shape, strict=True))
    if not fits or 0 in result.shape:
        wanted = "(" + " ".join("any," if length is None else f"{length}," for length in shape) + ")"
        raise ValueError(f"{name}: got shape {result.shape}; want {wanted}, with no empty axis")
    if not np.all(np.isfinite(result)):
        place = tuple(int(i) for i in np.argwhere(~np.isfinite(result))[0])
        raise ValueError(f"{name}: got {result[place]} at index {place}; want finite numbers only")
    return result


def labels(name, value, length, classes=None):
    """Return `value` as an integer array of shape (length,) with entries 0 .. classes - 1."""
    found = array(name, value, (length,))
    if np.any(found != np.round(found)):
        raise ValueError(f"{name}: got {found[found != np.round(found)][0]}; want whole-number labels")
    limit = np.inf if classes is None else classes
    if found.min() < 0 or found.max() >= limit:
        bad = found[(found < 0) | (found >= limit)][0]
        wanted = "0 or more" if classes is None else f"0 to {classes - 1}"
        raise ValueError(f"{name}: got label {int(bad)}; want labels from {wanted}")
    return found.astype(np.int64)


def positive(name, value):
    """Return `value` as a float that is finite and larger than zero."""
    if not isinstance(value, numbers.Real) or not np.isfinite(value) or value <= 0:
        raise ValueError(f"{name}: got {value!r}; want a finite number larger than 0")
    return float(value)


def index(name, value, length):
    """Return `value` as an int in 0 .. length - 1; negative indices are refused, as they hide off-by-one slips."""
    whole = isinstance(value, numbers.Integral) and not isinstance(value, bool)
    if not whole or not 0 <= value < length:
        raise ValueError(f"{name}: got {value!r}; want a whole number from 0 to {length - 1}")
    return int(value)
