"""What a reader's machine must have, told in one line each. Used by lecture 0_start_here.

Only the standard library is imported at the top, so that the report itself runs where nothing else does.
"""

import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
OLDEST_PYTHON = (3, 10)
INSTALL = f'run "{sys.executable} -m pip install -r requirements.txt" in {ROOT}'


def problems(notebook_folder):
    """A list of sentences, each one thing that is wrong here and what to do about it; empty when all is well.

    notebook_folder   where the calling notebook lies; the helpers must come from the same copy of the project
    """
    found = []
    if sys.version_info < OLDEST_PYTHON:
        wanted = ".".join(map(str, OLDEST_PYTHON))
        found.append(f"Python is {sys.version.split()[0]}; want {wanted} or newer: make .venv with a newer python3")
    here = Path(notebook_folder).resolve().parent
    if here != ROOT:
        found.append(
            f"helpers come from another copy of the project, {ROOT}; use its notebooks, or install this one: "
            f'run "{sys.executable} -m pip install -r requirements.txt" in {here}'
        )
    found += [problem for line in _requirements() if (problem := _requirement_problem(line))]
    # The widget's browser half comes as a package of its own, which an old environment may lack.
    if _version("jupyterlab_widgets") is None:
        found.append(f"jupyterlab_widgets is missing, so sliders show as text: {INSTALL}")
    return found


def report(notebook_folder):
    """Print the problems, or that there are none."""
    found = problems(notebook_folder)
    for problem in found:
        print(f"✗ {problem}")
    if not found:
        print("✓ Python, the packages and the helpers are as these lectures need them")


def _requirements():
    """The lines of requirements.txt without comments; the last one, -e ., is what makes `helpers` importable."""
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    return [line.split("#")[0].strip() for line in lines if line.strip() and not line.startswith("-e")]


def _requirement_problem(line):
    name = line.replace("=", " ").replace(">", " ").replace("<", " ").split()[0]
    found = _version(name)
    if found is None:
        return f"{name} is missing: {INSTALL}"
    try:
        from packaging.requirements import Requirement  # comes with several of the packages
    except ModuleNotFoundError:
        return f"packaging is missing: {INSTALL}"
    if not Requirement(line).specifier.contains(found, prereleases=True):
        return f"{name} is {found}; want {line.removeprefix(name)}: {INSTALL}"
    return None


def _version(name):
    try:
        return version(name)
    except PackageNotFoundError:
        return None
