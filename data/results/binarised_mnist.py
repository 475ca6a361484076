"""A variational autoencoder on MNIST in black and white, trained for about a minute a fit, for lecture 1_6.

Takes about twenty minutes, and needs MNIST. 784-400-20-400-784, SiLU units, 12 rounds through 50,000 images, whose
pixels are drawn black or white anew each time they are seen, with their grey as probability. One row for each of
DRAWS: the bound with so many draws of the guide is what is climbed. The largest step is chosen among RATES on the other
10,000 training images, by the bound that is climbed. Test images are drawn in black and white once, with seed 0. Stored
for the chosen step: the bound and the bound with 500 draws (of 1,000 test images), in nats; for each step the bound on
the 10,000; seconds of training. The inputs are the digests of MNIST's files, so that a lecture can read the result
without the images.
"""

import itertools
import time

import numpy as np
import torch

from helpers import data, results, vae

DRAWS, RATES, ROUNDS, BATCH = [1, 5], [1e-3, 2e-3, 4e-3, 8e-3], 12, 128

torch.set_num_threads(1)


class BlackAndWhite(vae.Autoencoder):
    """Pixels of 0 or 1, each a coin."""

    def encode(self, x):
        return self.encoder(x).chunk(2, dim=-1)

    def log_likelihood(self, codes, x):
        logits = self.decode(codes)
        return (x * logits - torch.nn.functional.softplus(logits)).sum(dim=-1)


def black_and_white(grey, generator):
    return (torch.rand(grey.shape, generator=generator) < grey).float()


def fitted(draws, rate, images):
    """The parameters after ROUNDS, and the seconds that took."""
    torch.manual_seed(0)
    generator = torch.Generator().manual_seed(0)
    model = BlackAndWhite(784, 20, 400)
    optimiser = torch.optim.Adam(model.parameters(), lr=rate, fused=True)
    steps = len(images) // BATCH
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, rate, total_steps=ROUNDS * steps, pct_start=0.1)
    started = time.process_time()
    for _ in range(ROUNDS):
        order = torch.randperm(len(images), generator=generator)[: steps * BATCH]
        for rows in order.reshape(-1, BATCH):
            x = black_and_white(images[rows] / 255, generator)
            optimiser.zero_grad()
            (-vae.importance_bound(model, x, draws, generator).mean()).backward()
            optimiser.step()
            schedule.step()
    seconds = time.process_time() - started
    return torch.nn.utils.parameters_to_vector(model.parameters()).detach().numpy(), seconds


def restored(flat):
    model = BlackAndWhite(784, 20, 400)
    torch.nn.utils.vector_to_parameters(torch.tensor(flat), model.parameters())
    return model


def mean_bound(model, x, draws):
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        return float(torch.cat([vae.importance_bound(model, part, draws, generator) for part in x.split(100)]).mean())


def main():
    mnist = data.mnist()
    rows = np.random.default_rng(0).permutation(60_000)
    train = torch.tensor(mnist.train_x[rows[:50_000]])
    generator = torch.Generator().manual_seed(0)
    test = black_and_white(torch.tensor(mnist.test_x) / 255, generator)
    held_out = black_and_white(torch.tensor(mnist.train_x[rows[50_000:]]) / 255, generator)
    choice, measured = np.empty((len(DRAWS), len(RATES))), np.empty((len(DRAWS), 3))
    fits = results.sweep(fitted, itertools.product(DRAWS, RATES), train)
    for d, draws in enumerate(DRAWS):
        of_draws = fits[d * len(RATES) : (d + 1) * len(RATES)]
        choice[d] = [mean_bound(restored(flat), held_out, draws) for flat, _ in of_draws]
        flat, seconds = of_draws[int(np.argmax(choice[d]))]
        model = restored(flat)
        measured[d] = [mean_bound(model, test, 1), mean_bound(model, test[:1000], 500), seconds]
    results.save(
        "binarised_mnist",
        [np.array(list(data.MNIST_SHA256.values()))],
        draws=np.array(DRAWS),
        rates=np.array(RATES),
        choice=choice,
        measured=measured,
    )


if __name__ == "__main__":
    main()
