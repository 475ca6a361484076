"""One training step of a variational autoencoder: written by hand, in helpers.ppl, and in Pyro.

Run by `make bench`. The digits, each pixel ink or paper, 64 a batch, ten latent dimensions, one hidden layer of 200
units; the same bound, one draw an image, and the same fused optimiser. Pyro runs twice: the program of helpers.ppl with
its own distributions, and as its own tutorial on autoencoders has it, with modules registered, a plate and events.
Printed are ratios of times: medians of nine rounds of a hundred steps each, in turn, on one thread.
"""

import statistics
import time

import pyro
import pyro.distributions as dist
import torch
from pyro.infer import Trace_ELBO
from record import record
from torch.nn import functional

from helpers import data, ppl

ROUNDS, STEPS, BATCH, LATENT, HIDDEN = 9, 100, 64, 10, 200


def networks():
    torch.manual_seed(0)
    encoder = torch.nn.Sequential(torch.nn.Linear(64, HIDDEN), torch.nn.SiLU(), torch.nn.Linear(HIDDEN, 2 * LATENT))
    decoder = torch.nn.Sequential(torch.nn.Linear(LATENT, HIDDEN), torch.nn.SiLU(), torch.nn.Linear(HIDDEN, 64))
    parameters = [*encoder.parameters(), *decoder.parameters()]
    return encoder, decoder, torch.optim.Adam(parameters, lr=1e-3, fused=True)


def by_hand():
    encoder, decoder, optimiser = networks()
    half_log_two_pi = 0.9189385332046727

    def loss(x):
        mean, log_sd = encoder(x).chunk(2, dim=1)
        noise = torch.randn_like(mean)
        z = mean + log_sd.exp() * noise
        logits = decoder(z)
        likelihood = -functional.binary_cross_entropy_with_logits(logits, x, reduction="sum")
        prior = -(z**2 / 2 + half_log_two_pi).sum()
        guide = -(noise**2 / 2 + log_sd + half_log_two_pi).sum()
        return -(likelihood + prior - guide)

    return loss, optimiser


def programs(sample, distributions):
    encoder, decoder, optimiser = networks()
    prior = distributions.Normal(torch.zeros(BATCH, LATENT), torch.ones(BATCH, LATENT))

    def model(x):
        z = sample("z", prior)
        return sample("x", distributions.Bernoulli(logits=decoder(z)), x)

    def guide(x):
        mean, log_sd = encoder(x).chunk(2, dim=1)
        return sample("z", distributions.Normal(mean, log_sd.exp()))

    return model, guide, optimiser


def in_ppl():
    model, guide, optimiser = programs(ppl.sample, torch.distributions)
    return lambda x: -ppl.elbo(model, guide, x), optimiser


def in_pyro():
    def sample(name, distribution, observed=None):
        return pyro.sample(name, distribution, obs=observed)

    model, guide, optimiser = programs(sample, dist)
    bound = Trace_ELBO(max_plate_nesting=2)
    return lambda x: bound.differentiable_loss(model, guide, x), optimiser


def as_in_its_tutorial():
    encoder, decoder, optimiser = networks()

    def model(x):
        pyro.module("decoder", decoder)
        with pyro.plate("data", len(x)):
            zeros, ones = x.new_zeros(len(x), LATENT), x.new_ones(len(x), LATENT)
            z = pyro.sample("z", dist.Normal(zeros, ones).to_event(1))
            pyro.sample("x", dist.Bernoulli(logits=decoder(z)).to_event(1), obs=x)

    def guide(x):
        pyro.module("encoder", encoder)
        with pyro.plate("data", len(x)):
            mean, log_sd = encoder(x).chunk(2, dim=1)
            pyro.sample("z", dist.Normal(mean, log_sd.exp()).to_event(1))

    bound = Trace_ELBO()
    return lambda x: bound.differentiable_loss(model, guide, x), optimiser


def step(loss, optimiser, x):
    optimiser.zero_grad()
    (loss(x) / len(x)).backward()
    optimiser.step()


def main():
    torch.set_num_threads(1)
    pyro.enable_validation(False)
    torch.distributions.Distribution.set_default_validate_args(False)
    x = torch.tensor(data.digits().train_x[:BATCH] > 0.5, dtype=torch.float32)
    ways = {
        "by hand": by_hand(),
        "helpers.ppl": in_ppl(),
        "Pyro": in_pyro(),
        "Pyro as in its tutorial": as_in_its_tutorial(),
    }
    seconds = {name: [] for name in ways}
    for _ in range(ROUNDS):
        for name, way in ways.items():
            began = time.perf_counter()
            for _ in range(STEPS):
                step(*way, x)
            seconds[name].append((time.perf_counter() - began) / STEPS)
    median = {name: statistics.median(times) for name, times in seconds.items()}
    print(f"one step by hand: {1e3 * median['by hand']:.2f} ms")
    measured = []
    for a, b in (("helpers.ppl", "by hand"), ("Pyro", "helpers.ppl"), ("Pyro as in its tutorial", "helpers.ppl")):
        print(f"{a} over {b}: {median[a] / median[b]:.2f}")
        measured.append((f"a step of an autoencoder: {a} over {b}", median[a] / median[b], "times the time"))
    record("ppl", measured, ["torch", "pyro-ppl"])


if __name__ == "__main__":
    main()
