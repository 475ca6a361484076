"""Plain and probabilistic networks on the digits, by prior and temperature, for lectures 1_4 and 1_7.

Takes about three quarters of an hour on two cores. Networks 64-100-10 with ReLUs; inputs are pixel/8. The 1,437
training digits are split at random into 1,077 and 360 for validation, three times (seeds); the 360 test digits are by
other writers. Nothing here is chosen on test digits. Settings: plain networks by weight decay and number of steps,
ensembles of five of them, mean-field guides by prior, and by temperature under two priors, each judged by the average
of DRAWS networks (of a hundred, some digits would get no probability at all under wide priors; "nll of 100" tells).
Stored for each setting and seed: MEASURES and TURNS (an area under the curve tells one of KINDS, or 8 and 9 unseen in
training, from test digits by entropy); by angle the share that is wrong, that is wrong and above .9, that is not above
.9; the share of test digits that at some angle are wrong and above the threshold which a given share of upright
validation digits misses; the bound by number of steps; guides and a plain network of seed 0.
"""

import numpy as np
import torch
from scipy import ndimage
from sklearn.metrics import roc_auc_score

from helpers import data, results, variational

SIZES, SEEDS, STEPS, DRAWS, MEMBERS = (64, 100, 10), 3, 12_000, 3000, 5
PRIORS = ["1/√", "2/√", "4/√", "8/√", "0.5", "1", "2", "4", "8"]
DECAYS = [0, 1e-4, 3e-4, 1e-3, 3e-3]
TEMPERATURES = [0.003, 0.01, 0.03, 0.1, 0.3, 1, 3]
COLD = ["4/√", "2"]
KINDS = ["shuffled", "noise", "turned", "shuffled inside", "noise inside", "mean of two", "two halves"]
MEASURES = ["validation nll", "accuracy", "nll", "nll of 100", "brier", "ece", "perfect ece", *KINDS, "unseen"]
TURNS = ["wrong and sure at some angle", "wrong or right at all angles", "validation digits called unsure"]
ANGLES = np.arange(0, 181, 15)
FALSE_ALARMS = np.linspace(0, 0.5, 51)

torch.set_num_threads(1)
digits = data.digits()
x, y = 2 * digits.train_x, digits.train_y
test_x, test_y = 2 * digits.test_x, digits.test_y


def prior_sds(name):
    """Standard deviations of the two layers' weights: one for all, or k / sqrt(inputs + 1)."""
    if name.endswith("/√"):
        return float(name[:-2]) / np.sqrt([SIZES[0] + 1, SIZES[1] + 1])
    return np.full(2, float(name))


def tensor(array):
    return torch.tensor(np.ascontiguousarray(array), dtype=torch.float32)


def strange_images():
    """The test digits made into what no digit is, one array for each of KINDS, and the turned ones by angle."""
    rng = np.random.default_rng(0)
    inside = np.flatnonzero((x / 2).var(axis=0) > 0.05)
    images = test_x.reshape(-1, 8, 8)
    kinds = {"shuffled": rng.permuted(test_x, axis=1), "noise": rng.integers(0, 17, size=test_x.shape) / 8}
    kinds["turned"] = np.rot90(images, axes=(1, 2)).reshape(test_x.shape)
    for name in ("shuffled", "noise"):
        only = np.zeros_like(test_x)
        full = rng.permuted(test_x[:, inside], axis=1) if name == "shuffled" else kinds["noise"][:, inside]
        only[:, inside] = full
        kinds[f"{name} inside"] = only
    other = rng.permutation(len(test_x))
    kinds["mean of two"] = (test_x + test_x[other]) / 2
    kinds["two halves"] = np.concatenate([test_x[:, :32], test_x[other][:, 32:]], axis=1)
    turned = [ndimage.rotate(images, angle, axes=(2, 1), reshape=False, order=1) for angle in ANGLES]
    return [kinds[name] for name in KINDS], [rows.reshape(test_x.shape) for rows in turned]


KIND_IMAGES, TURNED = strange_images()


def split(seed, classes=10):
    order = np.random.default_rng(seed).permutation(len(x))
    train, validation = order[:1077], order[1077:]
    train = train[y[train] < classes]
    return train, validation


def training_data(runs, classes=10):
    """Inputs (runs, n, 64) and labels (runs, n) of run after run, whose seeds go round; n is the smallest of all."""
    parts = [split(seed, classes)[0] for seed in range(SEEDS)]
    n = min(len(part) for part in parts)
    rows = [parts[run % SEEDS][:n] for run in range(runs)]
    return tensor(x[rows]), torch.tensor(y[rows])


def entropy(p):
    return -np.sum(p * np.log(np.maximum(p, 1e-12)), axis=-1)


def calibration(p, labels, rng):
    """Expected calibration error in fifteen bins, and that of a predictor whose probabilities are true (200 draws)."""
    sure, right = p.max(axis=1), p.argmax(axis=1) == labels
    bins = np.minimum((sure * 15).astype(int), 14)

    def error(hits):
        gaps = np.bincount(bins, hits - sure, minlength=15)
        return np.abs(gaps).sum() / len(sure)

    return error(right), np.mean([error(rng.uniform(size=len(sure)) < sure) for _ in range(200)])


def measured(answers, seed, known=None, hundred=None):
    """MEASURES of one predictor; `answers` maps images to probabilities, `known` those of one trained on 0 to 7.

    hundred   of a guide, the average of 100 networks instead of DRAWS
    """
    validation = split(seed)[1]
    upright = answers(x[validation])
    p = answers(test_x)
    row = [np.mean(-np.log(upright[np.arange(len(validation)), y[validation]]))]
    row.append(np.mean(p.argmax(axis=1) == test_y))
    for q in (p, p if hundred is None else hundred(test_x)):
        row.append(np.mean(-np.log(q[np.arange(len(q)), test_y])))
    row.append(np.mean(np.sum((p - np.eye(10)[test_y]) ** 2, axis=1)))
    row.extend(calibration(p, test_y, np.random.default_rng(1)))
    labels = np.repeat([0, 1], len(test_x))
    row.extend(roc_auc_score(labels, np.concatenate([entropy(p), entropy(answers(kind))])) for kind in KIND_IMAGES)
    row.append(np.nan if known is None else roc_auc_score(test_y >= 8, entropy(known(test_x))))
    turns = [answers(images) for images in TURNED]
    sure = np.array([q.max(axis=1) for q in turns])
    wrong = np.array([q.argmax(axis=1) != test_y for q in turns])
    by_angle = [wrong.mean(axis=1), (wrong & (sure > 0.9)).mean(axis=1), (sure <= 0.9).mean(axis=1)]
    row.extend([np.any(wrong & (sure > 0.9), axis=0).mean(), roc_auc_score(wrong.ravel(), -sure.ravel())])
    row.append(np.mean(upright.max(axis=1) <= 0.9))
    own = np.quantile(upright.max(axis=1), FALSE_ALARMS)
    missed = [np.any(wrong & (sure > level), axis=0).mean() for level in own]
    return row, np.array(by_angle), np.array(missed)


def answers_of(guide, run, seed, draws=DRAWS):
    """Images to probabilities, by the mean of so many networks; the same networks for all images."""
    means, log_sds = (
        np.concatenate([matrix[run].detach().numpy().ravel() for matrix in part])
        for part in (guide.means, guide.log_sds)
    )
    one = variational.stored_guide(SIZES, means, log_sds)

    def answers(images):
        generator = torch.Generator().manual_seed(100 + seed)
        return np.maximum(variational.predict(one, tensor(images), draws, generator)[0].numpy(), 1e-12)

    return answers


def measured_guide(name, run, seed, guide, known):
    """MEASURES of one run of a guide; `known`, the same trained on 0 to 7, or None."""
    torch.set_num_threads(1)
    unseen = known and answers_of(known, run, seed)
    return measured(answers_of(guide, run, seed), seed, unseen, answers_of(guide, run, seed, 100))


def answers_of_plain(weights, runs):
    """The mean of one or several plain networks."""

    def answers(images):
        scores = variational.logits([matrix[runs] for matrix in weights], tensor(images))
        return np.maximum(torch.softmax(scores, dim=2).mean(dim=0).numpy(), 1e-12)

    return answers


def fitted(steps, classes, settings):
    """A guide with one run for each (prior, temperature) and seed; runs of a setting stand side by side."""
    runs = len(settings) * SEEDS
    generator = torch.Generator().manual_seed(0)
    guide = variational.MeanField(SIZES, runs, generator)
    priors = np.repeat([prior_sds(name) for name, _ in settings], SEEDS, axis=0).T
    temperatures = np.repeat([temperature for _, temperature in settings], SEEDS)
    inputs, labels = training_data(runs, classes)
    variational.fit(guide, inputs, labels, tensor(priors), steps, 1e-2, 64, generator, tensor(temperatures))
    return guide, tensor(priors), inputs, labels


def bounds(guide, priors, inputs, labels):
    """The bound for each example, in nats (runs,), by a hundred draws."""
    generator = torch.Generator().manual_seed(5)
    with torch.no_grad():
        scores = [variational.log_likelihood(guide(inputs, generator), labels).mean(dim=1) for _ in range(100)]
        return (sum(scores) / 100 - guide.kl(priors) / labels.shape[1]).numpy()


def tempered(prior):
    return fitted(STEPS, 10, [(prior, temperature) for temperature in TEMPERATURES])


def plain(steps, rate, classes):
    runs = len(DECAYS) * MEMBERS * SEEDS
    generator = torch.Generator().manual_seed(1)
    weights = variational.start(SIZES, runs, generator)
    inputs, labels = training_data(runs, classes)
    decay = tensor(np.repeat(DECAYS, MEMBERS * SEEDS))
    variational.fit_plain(weights, inputs, labels, decay, steps, rate, 64, generator)
    return weights


def main():
    names, rows, by_angles, misses = [], [], [], []

    def add(name, found):
        for place, part in zip((rows, by_angles, misses), zip(*found, strict=True), strict=True):
            place.append(part)
        names.append(name)

    def add_guides(new, guide, known):
        tasks = [(name, k * SEEDS + seed, seed) for k, name in enumerate(new) for seed in range(SEEDS)]
        found = results.sweep(measured_guide, tasks, guide, known)
        for k, name in enumerate(new):
            add(name, found[k * SEEDS : (k + 1) * SEEDS])

    # Bounds by number of steps, and the guides by prior
    settings = [(name, 1.0) for name in PRIORS]
    all_steps = STEPS // 4, STEPS // 2, STEPS
    *guides, known = results.sweep(fitted, [*((steps, 10) for steps in all_steps), (STEPS, 8)], settings)
    by_steps = [bounds(*guide).reshape(-1, SEEDS) for guide in guides]
    guide, known = guides[-1][0], known[0]
    add_guides([f"prior {name}" for name in PRIORS], guide, known)
    validated = np.array(rows)[:, :, 0].mean(axis=1)
    best = int(np.argmin(validated))
    keep = {"elbo": int(np.argmax(by_steps[-1].mean(axis=1))), "validation": best}
    stored = {}
    for told, k in keep.items():
        stored[f"means_{told}"] = np.concatenate([m[k * SEEDS].detach().numpy().ravel() for m in guide.means])
        stored[f"log_sds_{told}"] = np.concatenate([m[k * SEEDS].detach().numpy().ravel() for m in guide.log_sds])

    # Temperatures
    colder = [guide for guide, *_ in results.sweep(tempered, [(prior,) for prior in COLD])]
    for prior, guide in zip(COLD, colder, strict=True):
        add_guides([f"prior {prior}, temperature {temperature}" for temperature in TEMPERATURES], guide, None)

    # Plain networks and ensembles
    kinds = [(*kind, classes) for kind in ((1000, 3e-3), (STEPS, 1e-2)) for classes in (10, 8)]
    nets = results.sweep(plain, kinds)
    for told, weights, of_known in (("short", *nets[:2]), ("long", *nets[2:])):
        for k, decay in enumerate(DECAYS):
            runs = np.arange(k * MEMBERS * SEEDS, (k + 1) * MEMBERS * SEEDS).reshape(MEMBERS, SEEDS).T
            for members, one in ((MEMBERS, "five plain"), (1, "plain")):
                predictors, of_fewer = (
                    [answers_of_plain(w, runs[seed, :members]) for seed in range(SEEDS)] for w in (weights, of_known)
                )
                found = [measured(predictors[seed], seed, of_fewer[seed]) for seed in range(SEEDS)]
                add(f"{one} {told}, decay {decay}", found)
        if told == "long":
            scores = [np.mean([row[0] for row in rows[names.index(f"plain long, decay {d}")]]) for d in DECAYS]
            run = int(np.argmin(scores)) * MEMBERS * SEEDS
            stored["plain"] = np.concatenate([matrix[run].numpy().ravel() for matrix in weights])

    # The distance to the nearest training image
    near = np.full((SEEDS, len(KINDS) + 1), np.nan)
    for seed in range(SEEDS):
        train = split(seed)[0]

        def nearest(images, base):
            return np.sqrt(((images[:, None] - base) ** 2).sum(axis=2)).min(axis=1)

        upright = nearest(test_x, x[train])
        labels = np.repeat([0, 1], len(test_x))
        for k, kind in enumerate(KIND_IMAGES):
            near[seed, k] = roc_auc_score(labels, np.concatenate([upright, nearest(kind, x[train])]))
        near[seed, -1] = roc_auc_score(test_y >= 8, nearest(test_x, x[split(seed, 8)[0]]))

    results.save(
        "probabilistic_network",
        [digits.train_x, digits.train_y, digits.test_x, digits.test_y],
        names=np.array(names),
        measures=np.array(MEASURES + TURNS),
        table=np.array(rows),
        nearest=near,
        bounds=np.array(by_steps),
        steps=np.array(all_steps),
        priors=np.array(PRIORS),
        angles=ANGLES,
        by_angle=np.array(by_angles).astype(np.float32),
        false_alarms=FALSE_ALARMS,
        missed=np.array(misses).astype(np.float32),
        **stored,
    )


if __name__ == "__main__":
    main()
