"""A probabilistic programming language on one page; lecture 1_1 builds it step by step.

A model is a Python function that calls `sample` wherever chance enters. A handler wraps a model, and changes or records
what `sample` does while the model runs: `trace`, `replay`, `condition`, `do`, `scale` and `block` do nothing else. What
each call of `sample` is about is a dict, its site:

    name, distribution, value, observed (bool), scale (float), and in a trace log_prob, scaled, of the batch's shape

Values, log probabilities and their order are those of Pyro, to the last bit. Two things differ by design: a site that
`do` has set is gone, where Pyro keeps a draw of it that nobody uses; and names or shapes that do not fit are errors.
"""

import inspect
import numbers
from contextvars import ContextVar

import numpy as np
import torch

from helpers import arguments

# The handlers around the running model, outermost first; each run leaves them as they were, errors included.
_around = ContextVar("handlers around the model", default=())


def sample(name, distribution, observed=None):
    """A value of the torch distribution, drawn, or `observed`; handlers around the model may see to it otherwise."""
    if not isinstance(name, str) or not name:
        raise ValueError(f"name: got {name!r}; want a word")
    if not isinstance(distribution, torch.distributions.Distribution):
        raise ValueError(f"distribution: got {distribution!r} at site {name!r}; want a torch distribution")
    value = None if observed is None else _value("observed", observed)
    site = {"name": name, "distribution": distribution, "value": value, "observed": observed is not None, "scale": 1.0}
    reached = []
    for handler in reversed(_around.get()):
        reached.append(handler)
        if handler.before(site):
            break
    if site["value"] is None:
        site["value"] = distribution.rsample() if distribution.has_rsample else distribution.sample()
    wanted = distribution.batch_shape + distribution.event_shape
    if site["value"].shape != wanted:
        # torch would broadcast it, and count its probability several times
        raise ValueError(f"value: got shape {tuple(site['value'].shape)} at site {name!r}; want {tuple(wanted)}")
    for handler in reversed(reached):
        handler.after(site)
    return site["value"]


class Handler:
    """A model, run while `before` sees each site on its way out, and `after` once it has a value.

    A `before` that returns True hides the site from all handlers further out.
    """

    def __init__(self, model, before=None, after=None):
        if not callable(model):
            raise ValueError(f"model: got {model!r}; want a function that calls sample")
        self.model, self.before, self.after = model, before or _nothing, after or _nothing

    def __call__(self, *args):
        outer = _around.set((*_around.get(), self))
        try:
            result = self.model(*args)
        finally:
            _around.reset(outer)
        if inspect.isgenerator(result):
            raise ValueError("model: got a generator; want a function that has run when it returns")
        return result


class trace(Handler):
    """`trace(model).get(*args)` runs the model and returns its sites by name, in the order of their calls.

    A name that is used twice in one run is a ValueError, as values are found by it.
    """

    def __init__(self, model):
        super().__init__(model, after=self._record)

    def get(self, *args):
        self.sites = {}
        self(*args)
        return self.sites

    def _record(self, site):
        if site["name"] in self.sites:
            raise ValueError(f"name: got {site['name']!r} twice in one run; want a name of its own for each sample")
        log_prob = site["distribution"].log_prob(site["value"])
        if site["scale"] != 1:
            log_prob = log_prob * site["scale"]
        self.sites[site["name"]] = site | {"log_prob": log_prob}


def log_joint(sites):
    """The sum of all log probabilities of a trace, a scalar tensor: the log joint density of all its values."""
    sums = [site["log_prob"].sum() for site in _sites(sites).values()]
    return sum(sums[1:], start=sums[0]) if sums else torch.zeros(())


def replay(model, sites):
    """The model with the values of a trace wherever it has the name; others are drawn, and observed ones stay."""

    sites = _sites(sites)

    def before(site):
        if site["name"] in sites and not site["observed"]:
            site["value"] = sites[site["name"]]["value"]

    return Handler(model, before)


def condition(model, values):
    """The model with these values observed, by name: their probabilities count as those of data.

    A run that does not reach one of the names is a ValueError, also for a program whose sites depend on chance.
    """
    values = _values(values)

    def before(site):
        if site["name"] in values:
            site["value"], site["observed"] = values[site["name"]], True

    return _all_met("condition", model, values, before)


def do(model, values):
    """The model with these values set from outside, by name: the site is no longer one, and has no probability."""
    values = _values(values)

    def before(site):
        if site["name"] in values:
            site["value"] = values[site["name"]]
            if not torch.all(site["distribution"].support.check(site["value"])):
                raise ValueError(f"values: got {site['value']} for {site['name']!r}; want values that it can have")
            return True
        return False

    return _all_met("do", model, values, before)


def scale(model, factor):
    """The model with all log probabilities times factor > 0: n/B where a batch of B stands for n examples."""
    factor = arguments.positive("factor", factor)

    def before(site):
        site["scale"] = site["scale"] * factor

    return Handler(model, before)


def block(model, names):
    """The model with the sites of these names hidden from all handlers around it."""
    if not isinstance(names, (str, list, tuple, set)):
        raise ValueError(f"names: got {names!r}; want a word or a list of them")
    names = {names} if isinstance(names, str) else set(names)
    return Handler(model, lambda site: site["name"] in names)


def lift(module, prior):
    """A model that draws all parameters of a torch module and returns the module with them, a function of its inputs.

    prior   takes a parameter's name and the parameter, and returns the distribution of all its entries
    """
    if not isinstance(module, torch.nn.Module):
        raise ValueError(f"module: got {module!r}; want a torch module")
    if not callable(prior):
        raise ValueError(f"prior: got {prior!r}; want a function of a parameter's name and the parameter")

    def model():
        drawn = {name: sample(name, prior(name, parameter)) for name, parameter in module.named_parameters()}
        return lambda *inputs: torch.func.functional_call(module, drawn, inputs)

    return model


def elbo(model, guide, *args):
    """One draw of the evidence lower bound, log p(data, z) - log q(z) with z from the guide, a scalar tensor.

    Its gradient is that of the bound where all draws of the guide can be differentiated. Raises ValueError where the
    guide's sites are not exactly those that the model does not observe, or one of them has parameters to be fitted and
    draws that cannot be differentiated, as those of a Bernoulli distribution.
    """
    guided = trace(guide).get(*args)
    sites = trace(replay(model, guided)).get(*args)
    hidden = {name for name, site in sites.items() if not site["observed"]}
    for name, site in guided.items():
        if site["observed"]:
            raise ValueError(f"guide: got an observed site {name!r}; want draws only")
        if site["log_prob"].requires_grad and not site["distribution"].has_rsample:
            raise ValueError(f"guide: got a site {name!r} whose draws have no derivative; want rsample, or no gradient")
    if set(guided) != hidden:
        raise ValueError(f"guide: got sites {sorted(guided)}; want those that the model draws, {sorted(hidden)}")
    return log_joint(sites) - log_joint(guided)


def _nothing(site):
    return False


def _value(name, value):
    """A tensor: as it is, or made of a number, or of an array."""
    if isinstance(value, torch.Tensor):
        return value
    if isinstance(value, numbers.Real) and not isinstance(value, bool):
        return torch.tensor(float(value))
    if isinstance(value, np.ndarray) and value.dtype.kind in "fiu":
        return torch.as_tensor(value)
    raise ValueError(f"{name}: got {value!r}; want a number, an array or a tensor")


def _values(values):
    if not isinstance(values, dict):
        raise ValueError(f"values: got {values!r}; want a dict of values by name")
    return {name: _value(f"values[{name!r}]", value) for name, value in values.items()}


def _sites(sites):
    if not isinstance(sites, dict) or not all(isinstance(site, dict) for site in sites.values()):
        raise ValueError(f"sites: got {type(sites).__name__}; want what trace(model).get() returns")
    return sites


def _all_met(name, model, values, before):
    """A handler that demands, at the end of a run, that the model had a site for each of the values."""
    Handler(model)  # refuses what is no function here, and not when it runs

    def run(*args):
        met = set()

        def noted(site):
            met.add(site["name"])
            return before(site)

        result = Handler(model, noted)(*args)
        if set(values) - met:
            raise ValueError(
                f"{name}: got values for {sorted(values)}; want names that this run reached, {sorted(met)}"
            )
        return result

    return run
