"""Skips the lectures on MNIST where MNIST is neither at hand nor to be downloaded."""

import functools
from pathlib import Path

import pytest

from helpers import data


@functools.cache
def missing_mnist():
    """Why there is no MNIST here, or None."""
    try:
        data.mnist()
    except FileNotFoundError as error:
        return str(error)


@functools.cache
def needs_mnist(path):
    return path.suffix == ".ipynb" and "data.mnist()" in path.read_text()


def pytest_collection_modifyitems(items):
    for item in items:
        arguments = item.callspec.params.values() if hasattr(item, "callspec") else ()
        lectures = [item.path, *(value for value in arguments if isinstance(value, Path))]
        executed = item.path.suffix == ".ipynb" or item.path.name == "test_sliders.py"
        if executed and any(needs_mnist(path) for path in lectures) and missing_mnist():
            item.add_marker(pytest.mark.skip(reason=missing_mnist()))
