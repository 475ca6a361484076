"""Data sets as promised, and MNIST refused, explained or fetched where it must be."""

import functools
import gzip
import hashlib
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
from scipy import special
from sklearn import preprocessing
from sklearn.datasets import load_diabetes, load_digits

from helpers import data, softmax


def test_digits_are_scaled_split_and_complete():
    digits = data.digits()
    assert digits.train_x.shape == (1437, 64) and digits.test_x.shape == (360, 64)
    assert digits.train_x.min() == 0 and digits.train_x.max() == 1
    assert set(digits.train_y) == set(digits.test_y) == set(range(10))
    images, labels = load_digits(return_X_y=True)
    assert np.array_equal(16 * np.concatenate([digits.train_x, digits.test_x]), images)
    assert np.array_equal(np.concatenate([digits.train_y, digits.test_y]), labels)


def test_diabetes_is_standardised():
    features, progress = data.diabetes()
    assert features.shape == (442, 10) and progress.shape == (442,)
    for column in (*features.T, progress):
        assert abs(column.mean()) < 1e-12 and abs(column.std() - 1) < 1e-12
    for ours, raw in zip((features, progress), load_diabetes(return_X_y=True, scaled=False), strict=True):
        assert np.max(np.abs(ours - preprocessing.scale(raw))) < 1e-12


def test_standardised_is_sklearns_scale_and_refuses_a_constant_column():
    x = data.wine()[0]
    assert np.max(np.abs(data.standardised(x) - preprocessing.scale(x))) < 1e-10
    with pytest.raises(ValueError, match="x: got column 11 with equal"):
        data.standardised(np.column_stack([x, np.full(len(x), 0.1)]))


def test_the_papers_regression_sets_as_published():
    x, y = data.wine()
    assert x.shape == (4898, 11) and list(x[0]) == [7, 0.27, 0.36, 20.7, 0.045, 45, 170, 1.001, 3, 0.45, 8.8]
    assert list(np.bincount(y.astype(int))[3:]) == [20, 163, 1457, 2198, 880, 175, 5]
    x, y = data.skin()
    assert x.shape == (245_057, 3) and list(x[0]) == [74, 85, 123] and list(x[-1]) == [255, 255, 255]
    assert (np.sum(y == 1), np.sum(y == -1)) == (50_859, 194_198)
    x, y = data.protein()
    assert x.shape == (45_730, 9) and y[0] == 17.284 and x[0, 4] == 1872790.507
    assert len(np.unique(y)) == 15_903 and y.mean() == pytest.approx(7.748528427727969, rel=1e-12)


def test_the_hospital_is_the_authors_to_the_row():
    hospital = data.hospital()
    assert hospital.train_x.shape == (20_000, 127) and hospital.test_x.shape == (81_766, 127)
    assert hospital.names.shape == (127,) and len(set(hospital.names)) == 127
    assert np.sum(hospital.train_y == 1) == np.sum(hospital.train_y == -1) == 10_000
    assert set(hospital.test_y) == {-1, 1}
    child = list(hospital.names).index("age=[0-10)")
    of_children = hospital.train_y[hospital.train_x[:, child] == 1]
    assert len(of_children) == 24 and np.sum(of_children == 1) == 3
    assert np.all(hospital.train_x[:, :8].max(axis=0) > 1)  # numbers, not standardised
    # The release printed the probabilities of all test children, by their places among the test patients. Its fit had
    # not quite converged, which moves them by less than .005.
    release = np.genfromtxt(data.UCI_FOLDER / "hospital_release.csv", delimiter=",", names=True, encoding="utf-8")
    places = release["test_index"].astype(int)
    assert np.array_equal(places, np.flatnonzero(hospital.test_x[:, child] == 1))
    assert np.array_equal(hospital.test_y[places], release["label"])
    weights = softmax.fit(hospital.train_x, (hospital.train_y + 1) // 2, 2e-4)
    readmitted = special.expit(hospital.test_x[places] @ (weights[:, 1] - weights[:, 0]))
    assert np.max(np.abs(1 - readmitted - release["p_not_readmitted_original"])) < 0.005


@pytest.fixture
def tiny(monkeypatch, tmp_path):
    """A tiny set in MNIST's own format, with its own checksums, served by a mirror on this machine."""
    rng = np.random.default_rng(0)
    served = tmp_path / "served"
    served.mkdir()
    sums = {}
    for name in data.MNIST_SHA256:
        count = 7 if name.startswith("train") else 3
        body = rng.integers(0, 10, count).astype(np.uint8) if "labels" in name else rng.integers(0, 256, (count, 784))
        raw = bytes(16 if "images" in name else 8) + body.astype(np.uint8).tobytes()
        sums[name] = hashlib.sha256(raw).hexdigest()
        (served / f"{name}.gz").write_bytes(gzip.compress(raw))
    monkeypatch.setattr(data, "MNIST_SHA256", sums)
    handler = functools.partial(SimpleHTTPRequestHandler, directory=served)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        # The first mirror is down: nothing listens on port 9 (discard).
        mirrors = ("http://127.0.0.1:9/", f"http://127.0.0.1:{server.server_port}/")
        monkeypatch.setattr(data, "MNIST_MIRRORS", mirrors)
        yield served
        server.shutdown()


def test_missing_files_come_from_the_first_mirror_that_answers(tiny, tmp_path):
    folder = tmp_path / "mnist"
    first = data.mnist(folder)
    assert first.train_x.shape == (7, 784) and first.train_x.dtype == np.uint8
    assert first.train_y.shape == (7,) and first.test_x.shape == (3, 784) and first.test_y.shape == (3,)
    for file in tiny.iterdir():
        file.unlink()  # now the mirror is empty: what follows must come from the folder
    again = data.mnist(folder)
    np.testing.assert_array_equal(first.train_x, again.train_x)


@pytest.mark.parametrize("damage", [lambda raw: raw[:-9], lambda raw: raw[: len(raw) // 2], lambda raw: b"not gzip"])
def test_a_damaged_file_is_refused_by_name(tiny, tmp_path, damage):
    folder = tmp_path / "mnist"
    data.mnist(folder)
    path = folder / "train-images-idx3-ubyte.gz"
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(ValueError, match="train-images-idx3-ubyte.gz: got a damaged or truncated gzip file"):
        data.mnist(folder)
    assert path.exists(), "a reader's file is not deleted"


def test_other_bytes_are_refused_by_name(tiny, tmp_path):
    folder = tmp_path / "mnist"
    data.mnist(folder)
    path = folder / "t10k-labels-idx1-ubyte.gz"
    path.write_bytes(gzip.compress(bytes(11)))
    with pytest.raises(ValueError, match="t10k-labels-idx1-ubyte.gz: got 11 bytes with sha256 .*; want"):
        data.mnist(folder)


def test_a_damaged_download_is_thrown_away(tiny, tmp_path):
    (tiny / "train-labels-idx1-ubyte.gz").write_bytes(b"an error page")
    folder = tmp_path / "mnist"
    with pytest.raises(FileNotFoundError, match="train-labels-idx1-ubyte.gz is not in .* and could not be downloaded"):
        data.mnist(folder)
    assert not (folder / "train-labels-idx1-ubyte.gz").exists()


def test_offline_the_message_says_what_to_put_where(tiny, tmp_path, monkeypatch):
    monkeypatch.setattr(data, "MNIST_MIRRORS", ("http://127.0.0.1:9/",))
    with pytest.raises(FileNotFoundError) as caught:
        data.mnist(tmp_path / "mnist")
    for name in data.MNIST_SHA256:
        assert f"{name}.gz" in str(caught.value)
    assert str(tmp_path / "mnist") in str(caught.value)


def test_a_file_in_place_of_the_folder_is_told(tmp_path):
    (tmp_path / "mnist").write_bytes(b"")
    with pytest.raises(ValueError, match="folder: got the file"):
        data.mnist(tmp_path / "mnist")


HERE = all((data.MNIST_FOLDER / f"{name}.gz").exists() for name in data.MNIST_SHA256)


@pytest.mark.skipif(not HERE, reason=f"MNIST is not in {data.MNIST_FOLDER}")
def test_mnist_itself():
    mnist = data.mnist()
    assert mnist.train_x.shape == (60_000, 784) and mnist.test_x.shape == (10_000, 784)
    assert list(mnist.train_y[:5]) == [5, 0, 4, 1, 9] and list(mnist.test_y[:5]) == [7, 2, 1, 0, 4]
    assert mnist.train_x.max() == 255
