"""Stored results: they come back as they were saved, with their command, and never for other inputs."""

import runpy

import joblib
import numpy as np
import pytest
from dask.distributed import Client, LocalCluster

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


SCRIPT = """
from pathlib import Path
from helpers import results

def squared(number, word, shift):
    with open(Path(__file__).with_name("calls"), "a", encoding="utf-8") as file:
        file.write(f"{number} ")
    if number == 3 and Path(__file__).with_name("stop").exists():
        raise KeyboardInterrupt
    return number**2 + shift, word

def main():
    return results.sweep(squared, [(number, "a") for number in range(5)], 10)
"""
FOUND = [(10, "a"), (11, "a"), (14, "a"), (19, "a"), (26, "a")]


@pytest.fixture
def script(folder):
    """The script's `main`, and a function that tells which tasks were done since it was last asked."""
    (folder / "trial.py").write_text(SCRIPT, encoding="utf-8")

    def calls():
        done = (folder / "calls").read_text(encoding="utf-8").split() if (folder / "calls").exists() else []
        (folder / "calls").unlink(missing_ok=True)
        return sorted(map(int, done))

    return runpy.run_path(str(folder / "trial.py"))["main"], calls


def test_a_sweep_that_was_stopped_goes_on_where_it_was(folder, script):
    main, calls = script
    (folder / "stop").touch()
    with joblib.parallel_config("sequential"), pytest.raises(KeyboardInterrupt):
        main()
    assert calls() == [0, 1, 2, 3]
    (folder / "stop").unlink()
    with joblib.parallel_config("sequential"):
        assert main() == FOUND
        assert calls() == [3, 4]
        assert main() == FOUND and calls() == []
    results.save("trial", INPUTS, change=1.0)
    assert not list((folder / "unfinished").iterdir())


def test_a_changed_script_begins_anew(folder, script):
    main, calls = script
    with joblib.parallel_config("sequential"):
        main()
        calls()
        changed = SCRIPT.replace("**2", "**3")
        (folder / "trial.py").write_text(changed, encoding="utf-8")
        assert runpy.run_path(str(folder / "trial.py"))["main"]()[2] == (18, "a")
    assert calls() == [0, 1, 2, 3, 4]


def test_a_task_given_twice_is_refused(folder, script):
    squared = script[0].__globals__["squared"]
    with pytest.raises(ValueError, match="tasks: got 2 of which some are equal"):
        results.sweep(squared, [(1, "a"), (1, "a")], 10)


def test_a_sweep_on_all_cores_and_on_a_cluster_of_two_workers(folder, script):
    main, calls = script
    assert main() == FOUND and calls() == [0, 1, 2, 3, 4]
    results.save("trial", INPUTS, change=1.0)
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster, Client(cluster):
        with joblib.parallel_config("dask"):
            assert main() == FOUND and calls() == [0, 1, 2, 3, 4]


def test_a_grid_has_an_axis_for_each_list(folder, script):
    squared = script[0].__globals__["squared"]
    with joblib.parallel_config("sequential"):
        found = results.grid(squared, (1, 2), (10, 20), (0.5,))
    assert found.shape == (2, 2, 1, 2)
    assert found[..., 0, 0].tolist() == [[1.5, 1.5], [4.5, 4.5]] and found[0, :, 0, 1].tolist() == [10, 20]
