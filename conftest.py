"""Skips the lectures on MNIST where MNIST is neither at hand nor downloadable; workers are strict about encodings."""

import functools
import shlex
import sys
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
    return path.suffix == ".ipynb" and "data.mnist()" in path.read_text(encoding="utf-8")


def pytest_collection_modifyitems(items):
    for item in items:
        arguments = item.callspec.params.values() if hasattr(item, "callspec") else ()
        lectures = [item.path, *(value for value in arguments if isinstance(value, Path))]
        executed = item.path.suffix == ".ipynb" or item.path.name == "test_lectures.py"
        if executed and any(needs_mnist(path) for path in lectures) and missing_mnist():
            item.add_marker(pytest.mark.skip(reason=missing_mnist()))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_setupnodes(specs):
    """A worker hears of files without a named encoding as the process that starts it does; kernels do not."""
    if sys.flags.warn_default_encoding:
        for spec in specs:
            spec.python = f"{shlex.quote(sys.executable)} -X warn_default_encoding"
