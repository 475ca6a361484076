"""Reading arguments: what is accepted, and that each refusal names the argument, what came and what is wanted."""

import numpy as np
import pytest

from helpers import arguments
from helpers.arguments import LARGEST_LABEL, LARGEST_NUMBER

FREE = (None,)


@pytest.mark.parametrize(
    ("value", "shape"),
    [
        ([1, 2], (2,)),
        ([1, 2], FREE),
        ([[1], [2]], (2, None)),
        ([True, False], FREE),
        (np.array([1, 2], dtype=np.uint8), FREE),
        (np.float32([0.5, -0.5]), FREE),
        ([LARGEST_NUMBER, -LARGEST_NUMBER], FREE),
        (np.array([1, 2.5], dtype=object), FREE),
        (3, ()),
    ],
)
def test_an_array_comes_back_as_float64(value, shape):
    found = arguments.array("x", value, shape)
    assert found.dtype == np.float64
    np.testing.assert_array_equal(found, np.asarray(value, dtype=float))


@pytest.mark.parametrize(
    ("value", "shape", "text"),
    [
        ([1, 2], (3,), r"x: got shape \(2,\); want \(3,\), with no empty axis$"),
        ([1, 2], (2, None), r"x: got shape \(2,\); want \(2, any,\), with no empty axis$"),
        ([[1, 2]], FREE, r"x: got shape \(1, 2\); want \(any,\)"),
        ([], FREE, r"x: got shape \(0,\); want"),
        (np.ones((2, 0)), (2, None), r"x: got shape \(2, 0\); want"),
        ([1, np.nan], FREE, r"x: got nan at index \(1,\); want finite numbers only$"),
        ([[1, 2], [-np.inf, 3]], (2, 2), r"x: got -inf at index \(1, 0\); want"),
        ([1, 1.01 * LARGEST_NUMBER], FREE, r"x: got 1.01e\+100; want numbers of size 1e\+100 or less$"),
        ([1, -1.01 * LARGEST_NUMBER], FREE, r"x: got 1.01e\+100; want numbers of size"),
        (["1"], FREE, r"x: got list that is not an array of real numbers \(its type is <U1\)$"),
        ([1j], FREE, "x: got list that is not an array of real numbers"),
        ([[1], [1, 2]], FREE, "x: got list that is not an array of real numbers"),
        (np.ma.masked_array([1, 2], [0, 1]), FREE, r"x: got MaskedArray that .*int64, masked\)$"),
        (np.array([None]), FREE, r"x: got nan at index \(0,\); want finite numbers only$"),
        (None, FREE, "x: got NoneType that is not an array|x: got shape"),
    ],
)
def test_what_is_no_such_array_is_refused(value, shape, text):
    with pytest.raises(ValueError, match=f"^({text})"):
        arguments.array("x", value, shape)


def test_labels_are_whole_numbers_in_their_range():
    found = arguments.labels("y", [0.0, 2.0, 1.0], 3, 3)
    assert found.dtype == np.int64 and found.tolist() == [0, 2, 1]
    assert arguments.labels("y", [0, LARGEST_LABEL], 2).tolist() == [0, LARGEST_LABEL]


@pytest.mark.parametrize(
    ("value", "length", "classes", "text"),
    [
        ([0, 0.5], 2, None, "y: got 0.5; want whole-number labels$"),
        ([0, 1], 3, None, r"y: got shape \(2,\); want \(3,\)"),
        ([0, -1], 2, None, f"y: got label -1; want labels from 0 to {LARGEST_LABEL}$"),
        ([2, 1, 3], 3, 3, "y: got label 3; want labels from 0 to 2$"),
        ([0, -2, 1], 3, 3, "y: got label -2; want labels from 0 to 2$"),
        ([LARGEST_LABEL + 1], 1, None, f"y: got label 100000; want labels from 0 to {LARGEST_LABEL}$"),
    ],
)
def test_what_is_no_such_label_is_refused(value, length, classes, text):
    with pytest.raises(ValueError, match=f"^{text}"):
        arguments.labels("y", value, length, classes)


def test_a_positive_number():
    for value in (1, 2.5, np.float32(0.5), np.int64(3), 1e-100, LARGEST_NUMBER):
        found = arguments.positive("l2", value)
        assert type(found) is float and found == value
    for value in (0, -1, np.nan, np.inf, 1.01 * LARGEST_NUMBER, "1", None, True, 1j, [1]):
        with pytest.raises(ValueError, match=r"^l2: got .*; want a finite number larger than 0, of at least 1e-100$"):
            arguments.positive("l2", value)


def test_a_count():
    for value in (1, 2, np.int64(3)):
        found = arguments.count("steps", value)
        assert type(found) is int and found == value
    for value in (0, -1, 1.0, True, "1", None):
        with pytest.raises(ValueError, match=r"^steps: got .*; want a whole number of 1 or more$"):
            arguments.count("steps", value)


def test_an_index():
    for value in (0, 3, np.int64(2)):
        found = arguments.index("i", value, 4)
        assert type(found) is int and found == value
    for value in (-1, 4, 1.0, True, "1", None):
        with pytest.raises(ValueError, match=r"^i: got .*; want a whole number from 0 to 3$"):
            arguments.index("i", value, 4)


def test_indices():
    assert arguments.indices("which", None, 3).tolist() == [0, 1, 2]
    assert arguments.indices("which", (2, 0), 3).tolist() == [2, 0]
    assert arguments.indices("which", [], 3).dtype.kind == "i"
    for value in (1, [[0]], "01", [[0], [1, 2]]):
        with pytest.raises(ValueError, match=r"^which: got .*; want a sequence of whole numbers$"):
            arguments.indices("which", value, 3)
    with pytest.raises(ValueError, match=r"^which: got 3; want a whole number from 0 to 2$"):
        arguments.indices("which", [0, 3], 3)
