"""Our influence functions beside those of three libraries: do they agree, and what does each cost?

The problem is that of part 2: softmax regression with a ridge on the digits, and the influence I_up,loss (Koh & Liang
2017, eq. 2) of all 1,437 training digits on the losses of all 360 test digits. Every library gets the weights that
`softmax.fit` found, in float64, and computes all that it needs for a new model: its objects, curvature, factors and
influences. One line then converts what it returns. Printed are the largest deviation from ours over our largest entry,
the Pearson correlation r with ours, and the CPU time over ours, all on one thread. A library that claims to be exact
and is not makes the run fail. With fewer test digits the Hessian is most of our time, and the ratio of conjugate
gradient, which solves one system for each, is smaller.

Each library runs in a process of its own, beside ours, so that no import disturbs another. Run by `make bench` in an
environment apart, .venv-bench, since pyDVL wants numpy below 2; the versions are those of the extra [bench] in
pyproject.toml. All are installed by one command, lest pip replace torch.
"""

import dataclasses
import gc
import multiprocessing
import os
import tempfile
import time
import warnings
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from record import record
from torch.nn import functional
from torch.utils.data import DataLoader, TensorDataset

from helpers import data, influence, softmax

L2 = 0.01
RANK = 100  # of the low-rank methods
TOLERANCE = 1e-5  # of an exact peer, relative to our largest entry
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


class Problem(NamedTuple):
    weights: np.ndarray
    x: np.ndarray
    y: np.ndarray
    test_x: np.ndarray
    test_y: np.ndarray


class Ridged(torch.nn.Module):
    """The linear model with its ridge as one more output, for the loss to add to the cross-entropy.

    The libraries swap the parameters inside of `forward` alone, so a loss that reads the weights from the model would
    see constants, and they would leave the ridge out without a word.

    curved    True: the ridge, l2/2 ‖θ‖². False: its tangent at the fitted weights, with the same gradient and no
              curvature, for a library that adds l2 to the curvature itself
    """

    def __init__(self, problem, curved=True):
        super().__init__()
        self.linear = linear(problem)
        self.fitted = None if curved else self.linear.weight.detach().clone()

    def forward(self, x):
        weight = self.linear.weight
        ridge = L2 / 2 * (weight**2).sum() if self.fitted is None else L2 * (self.fitted * weight).sum()
        return torch.cat([self.linear(x), ridge.expand(len(x), 1)], dim=1)


def linear(problem):
    features, classes = problem.weights.shape
    layer = torch.nn.Linear(features, classes, bias=False)
    layer.weight.data = torch.from_numpy(problem.weights.T.copy())
    return layer


def each_loss(output, y):
    return functional.cross_entropy(output[:, :-1], y, reduction="none") + output[:, -1]


def mean_loss(output, y):
    return each_loss(output, y).mean()


def train(problem):
    return torch.from_numpy(problem.x), torch.from_numpy(problem.y)


def test(problem):
    return torch.from_numpy(problem.test_x), torch.from_numpy(problem.test_y)


def batches(problem, size=None):
    """The training examples, in one batch by default: pyDVL's Hessian products weigh a short last batch like any.

    Where any size is right, that which is quickest is taken. A sampler of slices spares the libraries the collating of
    a batch from single examples on every pass.
    """
    size = size or len(problem.x)
    slices = [slice(first, first + size) for first in range(0, len(problem.x), size)]
    return DataLoader(TensorDataset(*train(problem)), batch_size=None, sampler=slices)


def ours(problem):
    return influence.on_loss(*problem, L2)


def pydvl_direct(problem):
    from pydvl.influence.torch import DirectInfluence

    model = DirectInfluence(Ridged(problem), mean_loss).fit(batches(problem, size=256))
    return -model.influences(*test(problem), *train(problem))


def pydvl_cg(problem, together=False):
    from pydvl.influence.torch import CgInfluence

    model = CgInfluence(Ridged(problem), mean_loss, solve_simultaneously=together).fit(batches(problem))
    return -model.influences(*test(problem), *train(problem))


def pydvl_block_cg(problem):
    return pydvl_cg(problem, together=True)


def pydvl_arnoldi_defaults(problem):
    from pydvl.influence.torch import ArnoldiInfluence

    model = ArnoldiInfluence(Ridged(problem), mean_loss).fit(batches(problem))
    return -model.influences(*test(problem), *train(problem))


def pydvl_arnoldi(problem):
    from pydvl.influence.torch import ArnoldiInfluence

    tangent = Ridged(problem, curved=False)
    model = ArnoldiInfluence(tangent, mean_loss, regularization=L2, rank=RANK, use_woodbury=True)
    return -model.fit(batches(problem)).influences(*test(problem), *train(problem))


def pydvl_nystroem(problem):
    from pydvl.influence.torch import NystroemSketchInfluence

    torch.manual_seed(0)  # it sketches at random
    model = NystroemSketchInfluence(Ridged(problem, curved=False), mean_loss, regularization=L2, rank=RANK)
    return -model.fit(batches(problem)).influences(*test(problem), *train(problem))


def pydvl_ekfac(problem):
    """Its loss is the bare cross-entropy, whose mean gradient at the fit is minus the ridge's: centring adds the ridge.

    That is done to the factors, which stand for the test gradients, and then to the training gradients. The constant
    feature becomes a bias, since without one pyDVL takes the last weights for it, and is wrong without a word.
    """
    from pydvl.influence.torch import EkfacInfluence

    biased = torch.nn.Linear(len(problem.weights) - 1, problem.weights.shape[1])
    biased.weight.data = torch.from_numpy(problem.weights[:-1].T.copy())
    biased.bias.data = torch.from_numpy(problem.weights[-1].copy())
    problem = problem._replace(x=problem.x[:, :-1], test_x=problem.test_x[:, :-1])
    model = EkfacInfluence(biased, update_diagonal=True, hessian_regularization=L2).fit(batches(problem))
    pieces = batches(problem, size=64)  # it walks a batch once for each example in it
    mean = torch.cat([model.influence_factors(*piece) for piece in pieces]).mean(dim=0)
    factors = model.influence_factors(*test(problem)) - mean
    values = torch.cat([model.influences_from_factors(factors, *piece) for piece in pieces], dim=1)
    return -(values - values.mean(dim=1, keepdim=True))


def captum_setting(problem):
    """What captum's methods share. The weights are in the model, so that there is no checkpoint to load."""
    return {
        "model": Ridged(problem),
        "train_dataset": batches(problem, size=64),  # it walks a batch once for each example in it
        "checkpoints_load_func": lambda model, checkpoint: 1.0,
        "loss_fn": each_loss,
    }


def captum_naive(problem, **choices):
    from captum.influence._core.influence_function import NaiveInfluenceFunction

    setting = captum_setting(problem) | choices
    method = NaiveInfluenceFunction(checkpoint="", hessian_dataset=batches(problem), **setting)
    return -len(problem.x) * method.influence(test(problem))


def captum_naive_all(problem):
    return captum_naive(problem, projection_dim=problem.weights.size, hessian_reg=0.0)


def captum_arnoldi(problem):
    from captum.influence._core.arnoldi_influence_function import ArnoldiInfluenceFunction

    setting = captum_setting(problem)
    method = ArnoldiInfluenceFunction(checkpoint="", hessian_dataset=batches(problem), **setting)
    return -len(problem.x) * method.influence(test(problem))


def captum_tracin(problem):
    from captum.influence import TracInCP

    return -TracInCP(checkpoints=[""], **captum_setting(problem)).influence(test(problem))


def kronfluence_ekfac(problem):
    """It takes gradients from the layers, where no ridge shows; its hook for gradients adds the ridge to the scores."""
    from kronfluence import analyzer, arguments

    torch.manual_seed(0)  # it samples labels
    task = kronfluence_task()
    model = analyzer.prepare_model(torch.nn.Sequential(linear(problem)), task)
    training, tests = TensorDataset(*train(problem)), TensorDataset(*test(problem))
    factors = arguments.FactorArguments(**doubles(arguments.FactorArguments))
    scores = arguments.ScoreArguments(damping_factor=L2, **doubles(arguments.ScoreArguments))
    with tempfile.TemporaryDirectory() as folder:
        digits = analyzer.Analyzer("digits", model, task, cpu=True, disable_tqdm=True, output_dir=folder)
        digits.fit_all_factors("factors", training, per_device_batch_size=len(training), factor_args=factors)
        task.ridge = L2 * torch.from_numpy(problem.weights.T)
        sizes = len(tests), len(training)
        digits.compute_pairwise_scores("scores", "factors", tests, training, *sizes, score_args=scores)
        return -digits.load_pairwise_scores("scores")["all_modules"]


def kronfluence_task():
    from kronfluence.task import Task

    class Digits(Task):
        enable_post_process_per_sample_gradient = True
        ridge = 0.0  # its gradient; none while the factors are fitted, since damping stands for the ridge's curvature

        def compute_train_loss(self, batch, model, sample=False):
            logits = model(batch[0])
            labels = torch.distributions.Categorical(logits=logits.detach()).sample() if sample else batch[1]
            return functional.cross_entropy(logits, labels, reduction="sum")

        def compute_measurement(self, batch, model):
            return self.compute_train_loss(batch, model)

        def post_process_per_sample_gradient(self, module_name, gradient):
            return gradient + self.ridge

    return Digits()


def doubles(settings):
    """Every dtype of a settings class of kronfluence as float64, but that of mixed precision, which stays off."""
    names = [field.name for field in dataclasses.fields(settings) if field.name.endswith("_dtype")]
    return {name: torch.float64 for name in names if name != "amp_dtype"}


class Method(NamedTuple):
    name: str
    compute: Callable
    conversion: str
    exact: bool = False


LIBRARIES = {
    "pyDVL": [
        Method("DirectInfluence", pydvl_direct, "-values", exact=True),
        Method("CgInfluence", pydvl_cg, "-values", exact=True),
        Method("CgInfluence, all at once", pydvl_block_cg, "-values", exact=True),
        Method("ArnoldiInfluence, defaults", pydvl_arnoldi_defaults, "-values"),
        Method(f"ArnoldiInfluence, rank {RANK}, Woodbury", pydvl_arnoldi, "-values, regularization = l2"),
        Method(f"NystroemSketchInfluence, rank {RANK}", pydvl_nystroem, "-values, regularization = l2"),
        Method("EkfacInfluence", pydvl_ekfac, "-values, gradients centred, regularization = l2"),
    ],
    "captum": [
        Method("NaiveInfluenceFunction, all dimensions", captum_naive_all, "-n values", exact=True),
        Method("NaiveInfluenceFunction, defaults", captum_naive, "-n values"),
        Method("ArnoldiInfluenceFunction, defaults", captum_arnoldi, "-n values"),
        Method("TracInCP, last checkpoint", captum_tracin, "-values, with the identity for the Hessian"),
    ],
    "kronfluence": [Method("EK-FAC", kronfluence_ekfac, "-scores, ridge added to gradients, damping = l2")],
}


def digits_problem():
    """As in the lectures: the pixels and a constant feature, and the fitted weights."""
    digits = data.digits()
    x, test_x = (np.hstack([rows, np.ones((len(rows), 1))]) for rows in (digits.train_x, digits.test_x))
    return Problem(softmax.fit(x, digits.train_y, L2), x, digits.train_y, test_x, digits.test_y)


def timed(compute, problem, calls):
    """The result and the least CPU time of `calls` calls, after one that is not counted."""
    result, seconds = compute(problem), []
    gc.freeze()  # kronfluence collects garbage ten times a call, which would mostly time a walk over loaded modules
    for _ in range(calls):
        start = time.process_time()
        result = compute(problem)
        seconds.append(time.process_time() - start)
    return np.asarray(result), min(seconds)


def measure(library):
    """For each method of a library: its largest deviation from ours, the correlation, and its CPU time over ours."""
    warnings.filterwarnings("ignore")  # of deprecations inside of the libraries
    torch.set_num_threads(1)
    torch.set_default_dtype(torch.float64)  # pyDVL's EK-FAC and captum make tensors of the default type
    problem = digits_problem()
    wanted, our_seconds = timed(ours, problem, calls=6)
    rows = []
    for method in LIBRARIES[library]:
        found, seconds = timed(method.compute, problem, calls=3)
        deviation = np.abs(found - wanted).max() / np.abs(wanted).max()
        rows.append((method, deviation, np.corrcoef(found.ravel(), wanted.ravel())[0, 1], seconds / our_seconds))
    return rows


def main():
    os.environ.update({name: "1" for name in THREADS})  # read when a new process imports its libraries
    print(f"{'library and method':48s} {'to I_up,loss':48s} {'deviation':>9s} {'r':>8s} {'CPU time':>9s}")
    wrong, measured = [], []
    with multiprocessing.get_context("spawn").Pool(1, maxtasksperchild=1) as pool:
        for library, rows in zip(LIBRARIES, pool.imap(measure, LIBRARIES), strict=True):
            for method, deviation, r, ratio in rows:
                name = f"{library} {method.name}"
                print(f"{name:48s} {method.conversion:48s} {deviation:9.1e} {r:8.5f} {ratio:7.1f} x", flush=True)
                measured.append((f"influence: {name} over helpers.influence", ratio, "times the time"))
                if method.exact and not deviation <= TOLERANCE:
                    wrong.append(f"{name}: deviates by {deviation:.1e}")
        pool.close()  # and let the last process end by itself, to clean up what its library holds
        pool.join()
    record("influence", measured, ["torch", "pydvl", "captum", "kronfluence"])
    assert not wrong, f"exact methods must agree with ours to {TOLERANCE:g}; {'; '.join(wrong)}"


if __name__ == "__main__":
    main()
