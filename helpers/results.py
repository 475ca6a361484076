"""Stored results of runs that take minutes: data/results/NAME.npz, made by data/results/NAME.py.

A stored result carries the command that makes it and a digest of the arrays that it was made from, so that a lecture
which loads it can neither hide where it came from nor use it with other data.
"""

import hashlib
import inspect
import itertools
import shutil
from pathlib import Path

import joblib
import numpy as np
from tqdm import tqdm

FOLDER = Path(__file__).parents[1] / "data" / "results"


def sweep(function, tasks, *shared):
    """[function(*task, *shared) for task in tasks], by all cores, with a progress bar; what is done is not done again.

    function   of a script in data/results, whose results depend on nothing but its arguments
    tasks      tuples of numbers and words, each once
    shared     what all tasks are given: arrays, for instance, that the script itself has made

    Every result is kept at once in data/results/unfinished, until `save` writes the whole: a script that was stopped
    goes on where it was. A change of the script or of helpers makes it begin anew. Under `joblib.parallel_config` the
    tasks go to other workers than this machine's cores, as those of a Dask cluster.
    """
    tasks = [tuple(task) for task in tasks]
    kept = _unfinished(inspect.getsourcefile(function))
    files = [kept / f"{function.__name__}{hashlib.sha256(repr(task).encode()).hexdigest()[:16]}" for task in tasks]
    if len(set(files)) < len(files):
        raise ValueError(f"tasks: got {len(files)} of which some are equal; want each once")
    left = [place for place, file in enumerate(files) if not file.exists()]
    kept.mkdir(parents=True, exist_ok=True)
    calls = (joblib.delayed(_numbered)(place, function, *tasks[place], *shared) for place in left)
    found = joblib.Parallel(n_jobs=-1, return_as="generator_unordered")(calls)
    for place, result in tqdm(found, function.__name__, len(tasks), initial=len(tasks) - len(left)):
        joblib.dump(result, kept / "half")
        (kept / "half").rename(files[place])  # a result is there as a whole or not at all
    return [joblib.load(file) for file in files]


def grid(function, *lists):
    """`sweep` over all combinations of the lists' entries, as an array whose first axes are those of the lists."""
    found = np.array(sweep(function, itertools.product(*lists)))
    return found.reshape(*map(len, lists), *found.shape[1:])


def save(name, inputs, **arrays):
    """Write the arrays to data/results/NAME.npz, with the command and a digest of `inputs`, a sequence of arrays."""
    np.savez_compressed(FOLDER / f"{name}.npz", command=_command(name), inputs=_digest(inputs), **arrays)
    for folder in (FOLDER / "unfinished").glob(f"{name}-*"):
        shutil.rmtree(folder)


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


def _numbered(place, function, *arguments):
    return place, function(*arguments)


def _unfinished(script):
    """The folder for the results of a script, of which another version has another."""
    digest = hashlib.sha256()
    for path in (Path(script), *sorted(Path(__file__).parent.glob("*.py"))):
        digest.update(path.read_bytes())
    return FOLDER / "unfinished" / f"{Path(script).stem}-{digest.hexdigest()[:16]}"


def _command(name):
    return f"python data/results/{name}.py"


def _digest(inputs):
    """sha256 of the arrays' types, shapes and bytes."""
    digest = hashlib.sha256()
    for array in inputs:
        array = np.ascontiguousarray(array)
        digest.update(f"{array.dtype.str}{array.shape}".encode() + array.tobytes())
    return digest.hexdigest()
