# make lab      open the first lecture in JupyterLab
# make test     everything that must hold: lint, unit tests, all notebooks, sliders, claims, the browser
# make refresh  execute all notebooks and store their outputs; a second run leaves no diff
# make bench    speed, as ratios measured in one run
# Each of them makes the virtual environment .venv first, when it is missing or older than the requirements;
# bench makes a second one, .venv-bench, with the libraries that influence is compared with.

PYTHON ?= python3
BIN = .venv/bin
NOTEBOOKS = $(sort $(wildcard notebooks/*.ipynb))
# One thread: sums come out in one order, and two cores serve a kernel and a browser.
export OMP_NUM_THREADS = 1
export OPENBLAS_NUM_THREADS = 1
export MKL_NUM_THREADS = 1

.PHONY: lab test refresh bench

lab: .venv/ready
	$(BIN)/jupyter lab $(if $(filter 0,$(shell id -u)),--allow-root) notebooks/0_start_here.ipynb

test: .venv/ready
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/pytest

refresh: .venv/ready
	$(BIN)/python -m helpers.refresh $(NOTEBOOKS)

bench: .venv/ready .venv-bench/ready
	.venv-bench/bin/python tests/bench/influence.py
	$(BIN)/python tests/bench/sliders.py

.venv/ready: requirements.txt pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/pip install -r requirements.txt
	touch $@

# The libraries that influence is compared with; over a gigabyte, and only for `make bench`.
.venv-bench/ready: pyproject.toml
	$(PYTHON) -m venv .venv-bench
	.venv-bench/bin/pip install -e ".[bench]"
	touch $@
