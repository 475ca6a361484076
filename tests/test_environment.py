"""Each thing that can be wrong with a reader's machine has its own clear message."""

from importlib.metadata import PackageNotFoundError, version

import pytest

from helpers import environment

NOTEBOOKS = environment.ROOT / "notebooks"


def pretend(monkeypatch, **versions):
    def changed(name):
        found = versions.get(name, version(name))
        if found is None:
            raise PackageNotFoundError(name)
        return found

    monkeypatch.setattr(environment, "version", changed)


def test_all_is_well_here(capsys):
    assert environment.problems(NOTEBOOKS) == []
    environment.report(NOTEBOOKS)
    assert capsys.readouterr().out.startswith("✓ ")


@pytest.mark.parametrize(
    ("versions", "text"),
    [
        ({"numpy": "1.26.4"}, "numpy is 1.26.4; want >=2.1,<3: run "),
        ({"scipy": None}, "scipy is missing: run "),
        ({"torch": "2.12.0"}, "torch is 2.12.0; want ==2.13.0: run "),
        ({"jupyterlab_widgets": None}, "jupyterlab_widgets is missing, so sliders show as text: run "),
    ],
)
def test_a_package_that_is_not_as_wanted(monkeypatch, capsys, versions, text):
    pretend(monkeypatch, **versions)
    (problem,) = environment.problems(NOTEBOOKS)
    assert text in problem and "-m pip install -r requirements.txt" in problem
    environment.report(NOTEBOOKS)
    assert capsys.readouterr().out == f"✗ {problem}\n"


def test_a_local_build_of_torch_is_welcome(monkeypatch):
    pretend(monkeypatch, torch="2.13.0+cpu")
    assert environment.problems(NOTEBOOKS) == []


def test_an_old_python(monkeypatch):
    monkeypatch.setattr(environment.sys, "version_info", (3, 9, 18))
    (problem,) = environment.problems(NOTEBOOKS)
    assert "want 3.10 or newer" in problem


def test_helpers_of_another_copy(tmp_path):
    (problem,) = environment.problems(tmp_path / "notebooks")
    assert f"helpers come from another copy of the project, {environment.ROOT}" in problem
    assert problem.endswith(f"in {tmp_path}")
