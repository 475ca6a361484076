"""How many networks an average takes: losses of two guides of probabilistic_network.py, for lectures 1_4 and 1_7.

Takes half a minute on two cores. For the prior that the bound chose and the one that validation chose (the guides of
the first split), `losses` holds the losses on the test digits of 20 averages of 3,000 networks each (2 guides, 20),
and `together` that of all 60,000 (2 guides).
"""

import numpy as np
import torch

from helpers import data, results, variational

AVERAGES, DRAWS = 20, 3000

digits = data.digits()
raw = [digits.train_x, digits.train_y, digits.test_x, digits.test_y]
stored = results.load("probabilistic_network", raw)
test_x, test_y = torch.tensor(2 * digits.test_x, dtype=torch.float32), torch.tensor(digits.test_y)


def right(told, seed):
    """Probabilities of the right labels (360,) by the average of DRAWS networks."""
    torch.set_num_threads(1)
    guide = variational.stored_guide((64, 100, 10), stored[f"means_{told}"], stored[f"log_sds_{told}"])
    found = variational.predict(guide, test_x, DRAWS, torch.Generator().manual_seed(seed))[0]
    return found.double().gather(1, test_y[:, None])[:, 0].numpy()


def main():
    found = results.grid(right, ("elbo", "validation"), range(AVERAGES))  # guides, averages, digits
    losses = -np.log(found).mean(axis=2)
    results.save("many_draws", raw, losses=losses, together=-np.log(found.mean(axis=1)).mean(axis=1))


if __name__ == "__main__":
    main()
