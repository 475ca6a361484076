"""Data sets of the lectures. All but MNIST come with scikit-learn; origins and licences: data/README.md."""

import gzip
import hashlib
import zlib
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pooch
from sklearn.datasets import load_diabetes, load_digits

from helpers import arguments

MNIST_FOLDER = Path(__file__).parents[1] / "data" / "mnist"
UCI_FOLDER = Path(__file__).parents[1] / "data" / "uci"
MNIST_MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
)
# sha256 of the decompressed bytes: the same images are served in differently compressed files.
MNIST_SHA256 = {
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}


class Split(NamedTuple):
    """Examples to fit on and examples to test on: features (n, d), one row an example, and labels (n,)."""

    train_x: np.ndarray
    train_y: np.ndarray
    test_x: np.ndarray
    test_y: np.ndarray


class Hospital(NamedTuple):
    """Patients to fit on and to test on, and the names of the features."""

    train_x: np.ndarray
    train_y: np.ndarray
    test_x: np.ndarray
    test_y: np.ndarray
    names: np.ndarray


def digits():
    """Real handwritten digits: 1,437 to train on, 360 to test on, each 8 x 8 pixels from 0 (paper) to 1 (ink).

    They keep the order in which scikit-learn bundles them, so the test digits were written by other people than
    most of the training digits, and no seed decides which is which.
    """
    images, labels = load_digits(return_X_y=True)
    return Split(images[:1437] / 16, labels[:1437], images[1437:] / 16, labels[1437:])


def diabetes():
    """A regression set of 442 patients: ten features (442, 10) and the disease's progress (442,), all standardised."""
    features, progress = load_diabetes(return_X_y=True, scaled=False)
    return standardised(features), (progress - progress.mean()) / progress.std()


def standardised(x):
    """Features (n, d), each less its mean and over its standard deviation; ValueError where one is constant."""
    x = arguments.array("x", x, (None, None))
    spread = x.std(axis=0)
    equal = np.flatnonzero(spread <= 1e-12 * np.abs(x).max(axis=0))
    if len(equal):
        raise ValueError(f"x: got column {equal[0]} with equal numbers only; want none that is constant")
    return (x - x.mean(axis=0)) / spread


def hospital():
    """Diabetic patients of 130 US hospitals: 20,000 to fit on, 81,766 to test on, 127 features, not standardised.

    The label is +1 for a patient who was readmitted within 30 days, else -1; half of the training patients were. Rows,
    columns and split are those of Koh & Liang (2017), section 5.3: eight numbers, then a 0/1 column a category in
    sorted order, without the first where there are two. The authors' seed fixes which patients are drawn. `names`
    (127,) are "column" or "column=category".
    """
    with np.load(UCI_FOLDER / "hospital.npz", allow_pickle=False) as file:
        stored = dict(file)
    columns, names = [], []
    for name, codes in zip(stored["names"][:-1], stored["codes"][:-1], strict=True):
        values = stored[name]
        if values.dtype.kind == "i" and name != "discharge_disposition_id":
            columns.append(values[codes])
            names.append(name)
            continue
        for code in range(1 if len(values) == 2 else 0, len(values)):
            columns.append(codes == code)
            names.append(f"{name}={values[code]}")
    x = np.array(columns, dtype=float).T
    y = np.where(stored["readmitted"][stored["codes"][-1]] == "<30", 1, -1)
    generator = np.random.RandomState(2)  # the legacy generator, in the order of the authors' code
    groups = [np.flatnonzero(y == label) for label in (1, -1)]
    for group in groups:
        generator.shuffle(group)
    train, test = (np.concatenate([group[part] for group in groups]) for part in (slice(10_000), slice(10_000, None)))
    for rows in (train, test):
        generator.shuffle(rows)
    return Hospital(x[train], y[train], x[test], y[test], np.array(names))


def wine():
    """White wines: eleven measurements (4898, 11) and a taster's mark from 3 to 9 (4898,), as published."""
    columns = _bundled("wine")
    return columns[:-1].T, columns[-1]


def skin():
    """Pixels of photographs: blue, green, red (245057, 3) and +1 for skin, -1 for others (245057,), as published."""
    columns = _bundled("skin")
    return columns[:-1].T, np.where(columns[-1] == 1, 1.0, -1.0)


def protein():
    """Shapes of proteins: nine measurements (45730, 9) and the distance from the true shape (45730,), as published."""
    columns = _bundled("protein")
    return columns[1:].T, columns[0]


def _bundled(name):
    """The columns of a table in data/uci, (columns, rows)."""
    with np.load(UCI_FOLDER / f"{name}.npz", allow_pickle=False) as file:
        return np.array([file[f"values_{k}"][codes] for k, codes in enumerate(file["codes"])])


def mnist(folder=MNIST_FOLDER):
    """All of MNIST as bytes: 60,000 training and 10,000 test digits, 28 x 28 pixels flattened, 0 to 255 (uint8).

    Reads the four files in `folder`; one that is missing is downloaded there first. Raises ValueError for a damaged
    file, and FileNotFoundError with what to do when one is missing and cannot be downloaded.
    """
    if Path(folder).exists() and not Path(folder).is_dir():
        raise ValueError(f"folder: got the file {folder}; want a folder")
    parts = {name: _mnist_bytes(Path(folder), name) for name in MNIST_SHA256}
    images = {
        name: np.frombuffer(raw, np.uint8, offset=16).reshape(-1, 784)
        for name, raw in parts.items()
        if "images" in name
    }
    labels = {name: np.frombuffer(raw, np.uint8, offset=8) for name, raw in parts.items() if "labels" in name}
    return Split(
        images["train-images-idx3-ubyte"],
        labels["train-labels-idx1-ubyte"].astype(np.int64),
        images["t10k-images-idx3-ubyte"],
        labels["t10k-labels-idx1-ubyte"].astype(np.int64),
    )


def _mnist_bytes(folder, name):
    path = folder / f"{name}.gz"
    if path.exists():
        return _verified(path, name)
    problems = []
    pooch.get_logger().setLevel("WARNING")  # it would advise a reader to note a checksum, which is checked below
    for mirror in MNIST_MIRRORS:
        try:
            # No hash is known for the compressed file, so what arrived is verified here, and thrown away if damaged.
            pooch.retrieve(mirror + path.name, known_hash=None, fname=path.name, path=folder, progressbar=True)
            return _verified(path, name)
        except (OSError, ValueError) as error:
            problems.append(f"{mirror}: {error}")
            path.unlink(missing_ok=True)
    raise FileNotFoundError(
        f"MNIST: {path.name} is not in {folder} and could not be downloaded. On a machine with a network, download "
        f"{', '.join(f'{part}.gz' for part in MNIST_SHA256)} from {MNIST_MIRRORS[0]} and put them into {folder}. "
        f"Tried: {'; '.join(problems)}"
    )


def _verified(path, name):
    """The decompressed bytes of one file, all of them and the right ones, or ValueError that names the file."""
    try:
        raw = gzip.decompress(path.read_bytes())
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise ValueError(
            f"{path}: got a damaged or truncated gzip file ({error}); want the original, delete it and retry"
        ) from None
    found = hashlib.sha256(raw).hexdigest()
    if found != MNIST_SHA256[name]:
        raise ValueError(
            f"{path}: got {len(raw)} bytes with sha256 {found}; want {MNIST_SHA256[name]}, delete it and retry"
        )
    return raw
