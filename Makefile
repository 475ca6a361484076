# make lab      open the first lecture in JupyterLab
# make test     everything that must hold: lint, unit tests, all notebooks, sliders, claims, the browser;
#               with FULL=1 each cell also runs twice in a row and must show the same
# make refresh  execute all notebooks and store their outputs; a second run leaves no diff
# make bench    speed, as ratios measured in one run; LECTURES="0_start_here.ipynb ..." names those whose sliders move
# make book     the lectures as pages in book/_build/html, whose sliders move without a kernel
# Each of them makes the virtual environment .venv first, when it is missing, older than the requirements or made for
# another folder; bench makes two more, .venv-bench and .venv-bench-sgd, with the libraries that influence and sgd are
# compared with, which do not go together, and book makes .venv-book.

PYTHON ?= python3
# Never the scripts in .venv/bin: they hold the folder in which they were made.
RUN = .venv/bin/python
NOTEBOOKS = $(sort $(wildcard notebooks/*.ipynb))
# One thread: sums come out in one order, and two cores serve two workers, or a kernel and a browser.
export OMP_NUM_THREADS = 1
export OPENBLAS_NUM_THREADS = 1
export MKL_NUM_THREADS = 1

.PHONY: lab test refresh bench book moved

lab: .venv/ready
	$(RUN) -m jupyterlab $(if $(filter 0,$(shell id -u)),--allow-root) notebooks/0_start_here.ipynb

test: .venv/ready
	$(RUN) -m ruff check
	$(RUN) -m ruff format --check
	$(RUN) -X warn_default_encoding -m pytest -n 2 --dist loadscope --no-loadscope-reorder

refresh: .venv/ready
	$(RUN) -m helpers.refresh $(NOTEBOOKS)

bench: .venv/ready .venv-bench/ready .venv-bench-sgd/ready
	.venv-bench/bin/python tests/bench/influence.py
	XLA_FLAGS="--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1" .venv-bench-sgd/bin/python tests/bench/sgd.py
	$(RUN) tests/bench/two_layer.py
	$(RUN) tests/bench/ppl.py
	$(RUN) tests/bench/sliders.py $(LECTURES)

# The pages of the book, whose sliders move without a kernel; what a lecture drew is kept as long as it does not change.
book: .venv/ready .venv-book/ready
	$(RUN) -m helpers.book
	.venv-book/bin/python -m sphinx -q -b html book/_pages book/_build/html

# The file `ready` holds the folder for which the environment was made.
define made_here
ifneq ($$(shell cat $(1)/ready 2>/dev/null),$$(CURDIR))
$(1)/ready: moved
endif
endef
$(foreach environment,.venv .venv-bench .venv-bench-sgd .venv-book,$(eval $(call made_here,$(environment))))

OLD = Python 3.10 or newer is needed, and $(PYTHON) is {}.{}: make PYTHON=python3.12, or another newer one
NEW_ENOUGH = import sys; sys.exit("$(OLD)".format(*sys.version_info[:2]) if sys.version_info < (3, 10) else 0)

.venv/ready: requirements.txt pyproject.toml
	@$(PYTHON) -c '$(NEW_ENOUGH)'
	$(PYTHON) -m venv .venv
	$(RUN) -m pip install -r requirements.txt
	echo '$(CURDIR)' > $@

# The others, each with the extra of its name in pyproject.toml; those of bench are over a gigabyte.
.venv-%/ready: pyproject.toml
	@$(PYTHON) -c '$(NEW_ENOUGH)'
	$(PYTHON) -m venv .venv-$*
	.venv-$*/bin/python -m pip install -e ".[$*]"
	echo '$(CURDIR)' > $@
