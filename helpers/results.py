"""Stored results of runs that take minutes: data/results/NAME.npz, made by data/results/NAME.py.

A stored result carries the command that makes it and a digest of the arrays that it was made from, so that a lecture
which loads it can neither hide where it came from nor use it with other data.
"""

import hashlib
from pathlib import Path

import numpy as np

FOLDER = Path(__file__).parents[1] / "data" / "results"


def save(name, inputs, **arrays):
    """Write the arrays to data/results/NAME.npz, with the command and a digest of `inputs`, a sequence of arrays."""
    np.savez_compressed(FOLDER / f"{name}.npz", command=_command(name), inputs=_digest(inputs), **arrays)


def load(name, inputs):
    """The arrays stored under `name`, by name. Raises ValueError when they were made from other inputs."""
    path = FOLDER / f"{name}.npz"
    if not path.exists():
        raise ValueError(f"name: got {name!r}; want one of {sorted(file.stem for file in FOLDER.glob('*.npz'))}")
    with np.load(path, allow_pickle=False) as file:
        found = dict(file)
    if found.pop("inputs") != _digest(inputs):
        raise ValueError(f"inputs: got arrays that {path.name} was not made from; want those, or run {_command(name)}")
    return found


def _command(name):
    return f"python data/results/{name}.py"


def _digest(inputs):
    """sha256 of the arrays' types, shapes and bytes."""
    digest = hashlib.sha256()
    for array in inputs:
        array = np.ascontiguousarray(array)
        digest.update(f"{array.dtype.str}{array.shape}".encode() + array.tobytes())
    return digest.hexdigest()
