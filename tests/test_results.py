"""Stored results: they come back as they were saved, with their command, and never for other inputs."""

import numpy as np
import pytest

from helpers import results

INPUTS = [np.arange(6.0).reshape(2, 3), np.array([1, 2])]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(results, "FOLDER", tmp_path)
    return tmp_path


def test_what_was_saved_comes_back(folder):
    results.save("trial", INPUTS, change=np.array([0.5, -1.0]), size=3)
    found = results.load("trial", INPUTS)
    assert found["command"] == "python data/results/trial.py" and set(found) == {"command", "change", "size"}
    np.testing.assert_array_equal(found["change"], [0.5, -1.0])


@pytest.mark.parametrize(
    "other",
    [
        [INPUTS[0] + 1e-15, INPUTS[1]],
        [INPUTS[0].reshape(3, 2), INPUTS[1]],
        [INPUTS[0].astype(np.float32), INPUTS[1]],
        INPUTS[:1],
        INPUTS[::-1],
    ],
)
def test_other_inputs_are_refused(folder, other):
    results.save("trial", INPUTS, change=1.0)
    with pytest.raises(
        ValueError, match="inputs: got arrays that trial.npz was not made from; want those, or run pyth"
    ):
        results.load("trial", other)


def test_an_unknown_name_is_told_with_those_that_are(folder):
    results.save("trial", INPUTS, change=1.0)
    with pytest.raises(ValueError, match=r"name: got 'other'; want one of \['trial'\]"):
        results.load("other", INPUTS)


def test_every_stored_result_has_the_script_that_its_command_names():
    stored = sorted(results.FOLDER.glob("*.npz"))
    assert stored
    for path in stored:
        with np.load(path, allow_pickle=False) as file:
            assert str(file["command"]) == f"python data/results/{path.stem}.py"
        assert path.with_suffix(".py").exists()
