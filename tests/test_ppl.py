"""helpers.ppl against Pyro, to the last bit, and against what its handlers promise."""

import pyro
import pyro.distributions as dist
import pyro.poutine as poutine
import pytest
import torch
from pyro.infer import Trace_ELBO

from helpers import ppl

TOSSES = torch.tensor([0.0, 0, 0, 0, 0, 0, 1, 0, 0, 1])
EFFECTS = torch.tensor([28.0, 8, -3, 7, -1, 1, 18, 12])
ERRORS = torch.tensor([15.0, 10, 16, 11, 9, 11, 10, 18])


def in_pyro(name, distribution, observed=None):
    return pyro.sample(name, distribution, obs=observed)


def coin(sample):
    bias = sample("bias", dist.Beta(1.0, 1.0))
    sample("tosses", dist.Bernoulli(bias.expand(10)).to_event(1), TOSSES)
    return bias


def schools(sample):
    mean, spread = sample("mean", dist.Normal(0.0, 5.0)), sample("spread", dist.HalfCauchy(5.0))
    effects = sample("effects", dist.Normal(mean, spread).expand([8]))
    sample("seen", dist.Normal(effects, ERRORS), EFFECTS)
    return effects


def any_length(sample):
    """A program whose number of sites is drawn, too."""
    count = 0
    while sample(f"more_{count}", dist.Bernoulli(0.7)) > 0 and count < 20:
        sample(f"step_{count}", dist.Normal(float(count), 1.0))
        count += 1
    sample("end", dist.Poisson(1.0 + count), torch.tensor(3.0))
    return torch.tensor(count)


PROGRAMS = [coin, schools, any_length]


def both(program):
    return lambda: program(ppl.sample), lambda: program(in_pyro)


def same(ours, theirs):
    """Every bit of every site, and of the sum."""
    names = [name for name, site in theirs.nodes.items() if site["type"] == "sample"]
    assert list(ours) == names
    for name in names:
        site, other = ours[name], theirs.nodes[name]
        assert torch.equal(site["value"], other["value"])
        assert site["observed"] == other["is_observed"]
    assert torch.equal(ppl.log_joint(ours), torch.as_tensor(theirs.log_prob_sum()))


@pytest.mark.parametrize("program", PROGRAMS)
def test_three_hundred_traces_and_their_handlers_are_those_of_pyro(program):
    ours, theirs = both(program)
    for seed in range(100):
        torch.manual_seed(seed)
        first = ppl.trace(ours).get()
        torch.manual_seed(seed)
        second = poutine.trace(theirs).get_trace()
        same(first, second)
        if seed >= 25:
            continue
        torch.manual_seed(seed + 1)
        replayed = ppl.trace(ppl.replay(ours, first)).get()
        torch.manual_seed(seed + 1)
        same(replayed, poutine.trace(poutine.replay(theirs, second)).get_trace())
        name = next(iter(first))
        value = first[name]["value"]
        torch.manual_seed(seed + 2)
        conditioned = ppl.trace(ppl.condition(ours, {name: value})).get()
        torch.manual_seed(seed + 2)
        same(conditioned, poutine.trace(poutine.condition(theirs, {name: value})).get_trace())
        torch.manual_seed(seed + 3)
        scaled = ppl.trace(ppl.scale(ours, 16.8)).get()
        torch.manual_seed(seed + 3)
        same(scaled, poutine.trace(poutine.scale(theirs, 16.8)).get_trace())


def test_fifty_bounds_and_their_gradients_are_those_of_pyro():
    for seed in range(50):
        bounds = []
        for sample, bound in ((ppl.sample, ppl.elbo), (in_pyro, None)):
            heads, tails = (torch.tensor(number, requires_grad=True) for number in (2.5, 7.5))

            def guide(sample=sample, heads=heads, tails=tails):
                sample("bias", dist.Beta(heads, tails))

            def model(sample=sample):
                return coin(sample)

            torch.manual_seed(seed)
            value = bound(model, guide) if bound else -Trace_ELBO().differentiable_loss(model, guide)
            value.backward()
            bounds.append((value.detach(), heads.grad, tails.grad))
        (value, *slopes), (other, *others) = bounds
        assert torch.equal(value, other)
        # Pyro builds a surrogate for the gradient, which adds the same terms in another order.
        assert torch.allclose(torch.stack(slopes), torch.stack(others), rtol=1e-5)


def test_a_lifted_module_has_the_log_joint_of_pyros():
    module = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Tanh(), torch.nn.Linear(4, 1))
    x, y = torch.randn(7, 3), torch.randn(7, 1)

    def prior(name, parameter):
        return dist.Normal(0.0, 1.0).expand(parameter.shape)

    def model(sample, network):
        sample("seen", dist.Normal(network()(x), 0.5), y)

    def by_hand():
        drawn = {name: pyro.sample(name, prior(name, value)) for name, value in module.named_parameters()}
        return lambda inputs: torch.func.functional_call(module, drawn, (inputs,))

    torch.manual_seed(3)
    ours = ppl.trace(lambda: model(ppl.sample, ppl.lift(module, prior))).get()
    torch.manual_seed(3)
    same(ours, poutine.trace(lambda: model(in_pyro, by_hand)).get_trace())
    assert list(ours) == [*dict(module.named_parameters()), "seen"]


def rain():
    wet = ppl.sample("rain", dist.Bernoulli(0.2))
    return ppl.sample("umbrella", dist.Bernoulli(0.1 + 0.8 * wet))


def test_do_leaves_no_site_and_condition_leaves_its_probability():
    done = ppl.trace(ppl.do(rain, {"rain": 1.0})).get()
    assert list(done) == ["umbrella"] and done["umbrella"]["distribution"].mean == pytest.approx(0.9)
    told = ppl.trace(ppl.condition(rain, {"rain": 1.0})).get()
    assert told["rain"]["observed"] and float(told["rain"]["log_prob"]) == pytest.approx(-1.6094379)


def test_a_hidden_site_is_drawn_but_not_recorded():
    assert list(ppl.trace(ppl.block(rain, "rain")).get()) == ["umbrella"]
    assert list(ppl.trace(ppl.block(rain, ["rain", "umbrella"])).get()) == []
    conditioned = ppl.trace(ppl.block(ppl.condition(rain, {"rain": 1.0}), "rain")).get()
    assert conditioned["umbrella"]["distribution"].mean == pytest.approx(0.9)


def test_the_innermost_handler_comes_first_and_scales_multiply():
    both_set = ppl.condition(ppl.condition(rain, {"rain": 1.0}), {"rain": 0.0})
    assert ppl.trace(both_set).get()["rain"]["value"] == 0.0
    assert ppl.trace(ppl.scale(ppl.scale(rain, 2), 3)).get()["rain"]["scale"] == 6
    inner = ppl.trace(rain)
    ppl.scale(inner, 3)  # a handler that is not called changes nothing
    assert inner.get()["rain"]["scale"] == 1


def test_replay_leaves_what_is_observed():
    sites = {"tosses": {"value": 1 - TOSSES}, "bias": {"value": torch.tensor(0.5)}}
    found = ppl.trace(ppl.replay(lambda: coin(ppl.sample), sites)).get()
    assert torch.equal(found["tosses"]["value"], TOSSES) and found["bias"]["value"] == 0.5


def test_an_error_inside_a_model_leaves_no_handler_behind():
    def broken():
        ppl.sample("a", dist.Normal(0.0, 1.0))
        raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        ppl.trace(ppl.scale(broken, 2)).get()
    assert list(ppl.trace(rain).get()) == ["rain", "umbrella"]
    assert ppl.trace(rain).get()["rain"]["scale"] == 1


def test_the_outermost_handler_sees_a_value_first():
    seen = []

    def noting(model, word):
        return ppl.Handler(model, after=lambda site: seen.append(word))

    noting(noting(lambda: ppl.sample("a", dist.Normal(0.0, 1.0)), "inner"), "outer")()
    assert seen == ["outer", "inner"]


def test_do_and_block_hide_observed_sites_too():
    def seen():
        ppl.sample("a", dist.Normal(0.0, 1.0), torch.tensor(1.0))

    assert list(ppl.trace(ppl.do(seen, {"a": 2.0})).get()) == []
    assert list(ppl.trace(ppl.block(seen, "a")).get()) == []


def test_the_outer_of_two_replays_wins():
    sites = [{"rain": {"value": torch.tensor(value)}} for value in (0.0, 1.0)]
    assert ppl.trace(ppl.replay(ppl.replay(rain, sites[0]), sites[1])).get()["rain"]["value"] == 1.0


def test_numbers_and_arrays_become_tensors():
    found = ppl.trace(ppl.condition(rain, {"rain": 1, "umbrella": torch.tensor(0.0)})).get()
    assert found["rain"]["value"].dtype == torch.get_default_dtype()
    lengths = ppl.trace(lambda: ppl.sample("a", dist.Normal(0.0, 1.0).expand([3]), EFFECTS.numpy()[:3])).get()
    assert torch.equal(lengths["a"]["value"], EFFECTS[:3])


def test_a_bound_with_discrete_draws_can_be_had_without_a_gradient():
    def both_drawn():
        ppl.sample("rain", dist.Bernoulli(0.5))
        ppl.sample("umbrella", dist.Bernoulli(0.5))

    assert torch.isfinite(ppl.elbo(rain, both_drawn))


def twice():
    ppl.sample("a", dist.Normal(0.0, 1.0))
    ppl.sample("a", dist.Normal(0.0, 1.0))


def other_guide():
    ppl.sample("cloud", dist.Bernoulli(0.2))


def short_guide():
    ppl.sample("rain", dist.Bernoulli(0.2))


def long_guide():
    ppl.sample("rain", dist.Bernoulli(0.2))
    ppl.sample("umbrella", dist.Bernoulli(0.2))
    ppl.sample("cloud", dist.Bernoulli(0.2))


def seeing_guide():
    ppl.sample("rain", dist.Bernoulli(0.2), torch.tensor(1.0))
    ppl.sample("umbrella", dist.Bernoulli(0.2))


def fitted_discrete_guide():
    ppl.sample("rain", dist.Bernoulli(torch.tensor(0.2, requires_grad=True)))
    ppl.sample("umbrella", dist.Bernoulli(0.2))


def generator():
    yield ppl.sample("a", dist.Normal(0.0, 1.0))


def one():
    return ppl.sample("a", dist.Normal(0.0, 1.0))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: ppl.trace(twice).get(), "name: got 'a' twice"),
        (lambda: ppl.sample("", dist.Normal(0.0, 1.0)), "name: got ''"),
        (lambda: ppl.sample(3, dist.Normal(0.0, 1.0)), "name: got 3"),
        (lambda: ppl.sample("a", 0.5), "distribution: got 0.5 at site 'a'"),
        (lambda: ppl.trace(0.5), "model: got 0.5"),
        (lambda: ppl.scale(rain, 0), "factor: got 0"),
        (lambda: ppl.scale(rain, float("nan")), "factor: got nan"),
        (lambda: ppl.condition(rain, {"snow": 1.0})(), r"condition: got values for \['snow'\]"),
        (lambda: ppl.do(rain, {"snow": 1.0, "rain": 1.0})(), r"do: got values for \['rain', 'snow'\]"),
        (lambda: ppl.elbo(rain, other_guide), r"guide: got sites \['cloud'\]; want .* \['rain', 'umbrella'\]"),
        (lambda: ppl.trace(ppl.condition(rain, {"rain": 2.0})).get(), "Expected value argument"),
        (lambda: ppl.elbo(rain, short_guide), r"guide: got sites \['rain'\]; want"),
        (lambda: ppl.elbo(rain, long_guide), r"guide: got sites \['cloud', 'rain', 'umbrella'\]; want"),
        (lambda: ppl.elbo(rain, seeing_guide), "guide: got an observed site 'rain'"),
        (lambda: ppl.elbo(rain, fitted_discrete_guide), "guide: got a site 'rain' whose draws have no derivative"),
        (lambda: ppl.trace(generator).get(), "model: got a generator"),
        (lambda: ppl.trace(ppl.condition(one, {"a": torch.zeros(3)})).get(), r"value: got shape \(3,\) at site 'a'"),
        (lambda: ppl.sample("a", dist.Normal(0.0, 1.0), torch.zeros(1, 1)), r"value: got shape \(1, 1\)"),
        (lambda: ppl.do(rain, {"rain": 7.0})(), "values: got 7.0 for 'rain'"),
        (lambda: ppl.do(one, {"a": float("nan")})(), "values: got nan for 'a'"),
        (lambda: ppl.condition(rain, {"rain": None}), r"values\['rain'\]: got None"),
        (lambda: ppl.condition(rain, {"rain": True}), r"values\['rain'\]: got True"),
        (lambda: ppl.condition(rain, ["rain"]), r"values: got \['rain'\]; want a dict"),
        (lambda: ppl.do(rain, None), "values: got None"),
        (lambda: ppl.condition(3, {"rain": 1.0}), "model: got 3"),
        (lambda: ppl.replay(rain, None), "sites: got NoneType"),
        (lambda: ppl.replay(rain, {"rain": 1.0}), "sites: got dict"),
        (lambda: ppl.log_joint(ppl.trace(rain)), "sites: got trace"),
        (lambda: ppl.block(rain, 3), "names: got 3"),
        (lambda: ppl.lift(3, None), "module: got 3"),
        (lambda: ppl.lift(torch.nn.Linear(1, 1), None), "prior: got None"),
        (lambda: ppl.sample("a", dist.Normal(0.0, 1.0), "yes"), "observed: got 'yes'"),
    ],
)
def test_bad_input_is_refused_by_name(call, words):
    with pytest.raises(ValueError, match=words):
        call()
