"""Which Boolean functions small networks are, before training, after it, and what Bayes' rule says.

Takes about twelve minutes. Networks of one hidden layer of 20 ReLU units on n = 3 or 4 inputs of ±1, weights normal
with standard deviation one over the root of their number, biases .5. A function is the integer whose bit k is its
output on input k. Stores `prior_3` (256,), `prior_4` (65536,): shares of random networks, averaged over the symmetries
that the prior has (order and signs of inputs, sign of the output). Trained to the examples of 10 splits (5 of 8, 9 of
16), four targets (TARGETS), by cross-entropy and steps of .1, in minibatches of three and with all examples:
`table` (2 n, 4, 10, 2, 13): columns QUANTITIES, first at the first step that fits, late after 150 steps,
of 4,000 networks each; `stopping` (5 splits, 2, 7 of TIMES, 3): total variation, accuracy on unseen inputs, share that
fits, simple target; `scales` (5 of SCALES, 5 splits, 3): total variation at the first fit, of as many draws of the
posterior, and at the last time, for networks with all weights times the scale and a prior to match. `cold` (2 targets,
10 splits, 3 of COLD, 3): distances of the posterior under that many times the cross-entropy from the law of training
after 150 steps and from the posterior under which a fit is certain, and its accuracy on unseen inputs; `started` (2
targets, 10 splits, 3): accuracy late of networks that start as a constant, with many boundaries, anyhow.
"""

from itertools import permutations, product

import numpy as np

from helpers import results

WIDTH, NETWORKS, STEP, LATE = 20, 4000, 0.1, 150
TARGETS = ("simple", "majority", "random", "parity")
QUANTITIES = (
    "distance first", "distance of draws", "distance late", "correlation first", "correlation late", "power first",
    "accuracy of Bayes", "accuracy first", "accuracy late", "fits first", "fits late", "distance of boundaries",
    "distance of boundaries and ones",
)  # fmt: skip
TIMES = (10, 20, 40, 80, 160, 320, 640)
SCALES = (0.25, 0.5, 1.0, 2.0, 4.0)
COLD = (5.0, 20.0, 50.0)


def inputs(n):
    """All inputs of ±1 (2^n, n); input k has the bits of k."""
    return np.array([[1.0 if k >> j & 1 else -1.0 for j in range(n)] for k in range(2**n)], dtype=np.float32)


def start(networks, n, rng, scale=1.0):
    spreads = 1 / np.sqrt(n), 0.5, 1 / np.sqrt(WIDTH), 0.5
    shapes = (networks, n, WIDTH), (networks, 1, WIDTH), (networks, WIDTH, 1), (networks, 1, 1)
    return [
        np.float32(scale * spread) * rng.standard_normal(shape, dtype=np.float32)
        for spread, shape in zip(spreads, shapes, strict=True)
    ]


def outputs(weights, x):
    """Of each network on each of its inputs (networks, inputs), and its hidden layer."""
    first, bias, second, shift = weights
    hidden = np.maximum(np.matmul(x, first) + bias, 0)
    return (np.matmul(hidden, second) + shift)[..., 0], hidden


def codes(weights, n):
    values, _ = outputs(weights, inputs(n))
    return (values > 0) @ (1 << np.arange(2**n))


def classes(n):
    """For each function the least code that symmetries make of it (2^(2^n),)."""
    places = np.arange(2**n)
    functions = np.arange(2 ** (2**n))
    least = np.full(len(functions), len(functions))
    for order in permutations(range(n)):
        moved = sum((places >> order[j] & 1) << j for j in range(n))
        for flips in range(2**n):
            image, parts = moved ^ flips, []
            for low in range(0, 2**n, 8):  # a byte of the code at a time
                byte = np.arange(256)
                parts.append(sum((byte >> k & 1) << image[low + k] for k in range(min(8, 2**n - low))))
            found = sum(part[functions >> low & 255] for part, low in zip(parts, range(0, 2**n, 8), strict=True))
            least = np.minimum(least, np.minimum(found, functions[-1] - found))
    return least


def prior(n, draws, seed, scale=1.0):
    counts, rng = np.zeros(2 ** (2**n)), np.random.default_rng(seed)
    for _ in range(draws // 20_000):
        counts += np.bincount(codes(start(20_000, n, rng, scale), n), minlength=len(counts))
    least = classes(n)
    sizes, totals = np.bincount(least), np.bincount(least, weights=counts)
    return (totals[least] + 0.5 * (totals[least] == 0)) / sizes[least] / counts.sum()


def targets(n, rng):
    bits = (inputs(n) > 0).T
    fair = rng.permutation(np.arange(2**n) % 2)
    found = (bits[0] & bits[1]) | bits[2], bits[:3].sum(axis=0) > 1, fair > 0, bits.sum(axis=0) % 2 > 0
    return [function.astype(int) for function in found]


def train(target, seen, n, steps, batch, rng, scale=1.0, watch=(), weights=None):
    """Codes at the first fit (-1: never) and after `steps`, those that fit then; and the same at each of `watch`."""
    weights, x = start(NETWORKS, n, rng, scale) if weights is None else weights, inputs(n)
    labels = np.float32(2 * target - 1)
    first, seen_at = np.full(len(weights[0]), -1), []
    for step in range(steps + 1):
        found = codes(weights, n)
        fits = np.all((found[:, None] >> seen & 1) == target[seen], axis=1)
        first = np.where((first < 0) & fits, found, first)
        if step in watch:
            seen_at.append((found, fits))
        if step == steps:
            return first, found, fits, seen_at
        rows = np.tile(seen, (len(first), 1))
        rows = rows if batch is None else rng.permuted(rows, axis=1)
        rows = rows[:, :batch]
        given, wanted = x[rows], labels[rows]
        values, hidden = outputs(weights, given)
        slope = (-wanted / (1 + np.exp(wanted * values)) / rows.shape[1])[..., None]
        back = slope * weights[2].swapaxes(1, 2) * (hidden > 0)
        slopes = given.swapaxes(1, 2) @ back, back.sum(axis=1, keepdims=True), hidden.swapaxes(1, 2) @ slope
        slopes = *slopes, slope.sum(axis=1, keepdims=True)
        weights = [weight - STEP * change for weight, change in zip(weights, slopes, strict=True)]


def consistent(target, seen, n):
    functions = np.arange(2 ** (2**n))
    return functions[np.all((functions[:, None] >> seen & 1) == target[seen], axis=1)]


def question(target, seen, n, prior_n):
    """The functions that fit, their shares if a fit is certain, and how much of what is unseen each gets right."""
    allowed, unseen = consistent(target, seen, n), np.setdiff1d(np.arange(2**n), seen)
    right = np.mean((allowed[:, None] >> unseen & 1) == target[unseen], axis=1)
    return allowed, prior_n[allowed] / prior_n[allowed].sum(), right


def boundaries(functions, n):
    """How many pairs of neighbouring inputs a function separates."""
    total = 0
    for place, bit in product(range(2**n), range(n)):
        if not place >> bit & 1:
            total = total + ((functions >> place ^ functions >> (place | 1 << bit)) & 1)
    return total


def shares(found, allowed):
    return np.bincount(np.searchsorted(allowed, found), minlength=len(allowed)) / max(1, len(found))


def distance(p, q):
    return np.abs(p - q).sum() / 2


def power(p, q):
    """The power b for which draws p are most probable under q^b, normalised."""
    powers = np.linspace(0.2, 4, 381)
    logs = np.log(q)
    fits = [b * p @ logs - np.log(np.sum(np.exp(b * logs))) for b in powers]
    return powers[np.argmax(fits)]


def correlation(p, q, networks):
    met = (p * networks >= 5) & (q * networks >= 5)
    return np.corrcoef(np.log(p[met]), np.log(q[met]))[0, 1] if met.sum() > 2 else np.nan


def decay(prior_n, n):
    """The a for which exp(-a boundaries) has the prior's mean number of boundaries."""
    numbers = boundaries(np.arange(len(prior_n)), n)
    tried = np.linspace(0, 3, 601)
    means = [np.sum(numbers * np.exp(-a * numbers)) / np.sum(np.exp(-a * numbers)) for a in tried]
    return tried[np.argmin(np.abs(np.array(means) - prior_n @ numbers))]


def by_class(prior_n, n):
    """The prior's share of functions with as many boundaries and as many ones, dealt out evenly among them."""
    functions = np.arange(len(prior_n))
    ones = sum(functions >> k & 1 for k in range(2**n))
    kind = boundaries(functions, n) * (2**n + 1) + ones
    return (np.bincount(kind, weights=prior_n) / np.maximum(np.bincount(kind), 1))[kind]


def compare(target, seen, n, prior_n, rivals, batch, rng):
    first, last, fits, _ = train(target, seen, n, LATE, batch, rng)
    allowed, posterior, right = question(target, seen, n, prior_n)
    at_first, at_last = shares(first[first >= 0], allowed), shares(last[fits], allowed)
    drawn = rng.multinomial(max(1, np.sum(first >= 0)), posterior) / max(1, np.sum(first >= 0))
    return [
        distance(at_first, posterior), distance(drawn, posterior), distance(at_last, posterior),
        correlation(at_first, posterior, NETWORKS), correlation(at_last, posterior, NETWORKS),
        power(at_first, posterior), posterior @ right, at_first @ right, at_last @ right,
        np.mean(first >= 0), np.mean(fits),
        *(distance(at_first, rival[allowed] / rival[allowed].sum()) for rival in rivals),
    ]  # fmt: skip


def cold_posteriors(target, seen, n, rng, chains=2000):
    """Codes of networks drawn from the prior times exp(-b cross-entropy), at each b of COLD, that fit what is seen."""
    x, labels = inputs(n)[seen], np.float32(2 * target[seen] - 1)

    def cost(weights):
        return np.logaddexp(0, -labels * outputs(weights, x)[0]).sum(axis=1)

    weights, found, size = start(chains, n, rng), [], 0.3
    now = cost(weights)
    for b in np.concatenate([np.linspace(0, COLD[0], 100)[1:], np.geomspace(COLD[0], COLD[-1], 300)]):
        for _ in range(4):
            fresh = start(chains, n, rng)
            proposed = [
                np.float32(np.sqrt(1 - size**2)) * w + np.float32(size) * z for w, z in zip(weights, fresh, strict=True)
            ]
            there = cost(proposed)
            taken = np.log(rng.random(chains)) < b * (now - there)
            weights = [np.where(taken[:, None, None], new, old) for new, old in zip(proposed, weights, strict=True)]
            now = np.where(taken, there, now)
            size = np.clip(size * np.exp(0.1 * (taken.mean() - 0.3)), 0.01, 0.9)
        if len(found) < len(COLD) and b >= COLD[len(found)] * (1 - 1e-9):
            met = codes(weights, n)
            found.append(met[np.all((met[:, None] >> seen & 1) == target[seen], axis=1)])
    return found


def cold(column, seed, prior_n):
    seen, rng = split(4, seed)
    target = targets(4, rng)[column]
    allowed, certain, right = question(target, seen, 4, prior_n)
    _, last, fits, _ = train(target, seen, 4, LATE, 3, rng)
    late = shares(last[fits], allowed)
    laws = [shares(found, allowed) for found in cold_posteriors(target, seen, 4, rng)]
    pool = start(60_000, 4, rng)
    edges = boundaries(codes(pool, 4), 4)
    ends = []
    for chosen in (np.flatnonzero(edges == 0), np.argsort(-edges, kind="stable"), np.arange(60_000)):
        some = [weight[chosen[:1000]] for weight in pool]
        _, last, fits, _ = train(target, seen, 4, LATE, 3, rng, weights=some)
        ends.append(shares(last[fits], allowed) @ right)
    return [[distance(law, late), distance(law, certain), law @ right] for law in laws], ends


def split(n, seed):
    rng = np.random.default_rng([n, seed])
    return np.sort(rng.permutation(2**n)[: 2**n // 2 + 1]), rng


def compared(n, seed, prior_n):
    """QUANTITIES of each target, in minibatches and with all examples."""
    seen, rng = split(n, seed)
    few = np.exp(-decay(prior_n, n) * boundaries(np.arange(len(prior_n)), n))
    given = seen, n, prior_n, (few, by_class(prior_n, n))
    return [[compare(target, *given, batch, rng) for batch in (3, None)] for target in targets(n, rng)]


def stopped(seed, kind, prior_4):
    """At each of TIMES: total variation, accuracy on unseen inputs, share that fits."""
    seen, rng = split(4, seed)
    target = targets(4, rng)[0]
    allowed, posterior, right = question(target, seen, 4, prior_4)
    *_, seen_at = train(target, seen, 4, TIMES[-1], (3, None)[kind], rng, watch=TIMES)
    laws = [shares(found[fits], allowed) for found, fits in seen_at]
    return [(distance(p, posterior), p @ right, fits.mean()) for p, (_, fits) in zip(laws, seen_at, strict=True)]


def scaled(scale):
    """Of five splits, with all weights times the scale: distances at the first fit, of as many draws, and late."""
    law, found = prior(4, 2_000_000, 5, scale), []
    for seed in range(5):
        seen, rng = split(4, seed)
        target = targets(4, rng)[0]
        allowed, posterior, _ = question(target, seen, 4, law)
        first, last, fits, _ = train(target, seen, 4, TIMES[-1], 3, rng, scale)
        drawn = rng.multinomial(np.sum(first >= 0), posterior) / np.sum(first >= 0)
        laws = shares(first[first >= 0], allowed), drawn, shares(last[fits], allowed)
        found.append([distance(p, posterior) for p in laws])
    return found


def main():
    prior_3, prior_4 = results.sweep(prior, [(3, 2_000_000, 3), (4, 8_000_000, 4)])
    splits = [(seed,) for seed in range(10)]
    tables = [results.sweep(compared, [(n, *one) for one in splits], law) for n, law in ((3, prior_3), (4, prior_4))]
    stopping = results.sweep(stopped, product(range(5), range(2)), prior_4)
    found = results.sweep(cold, product(range(2), range(10)), prior_4)
    colds, started = (np.array([one[k] for one in found]).reshape(2, 10, 3, -1) for k in range(2))
    results.save(
        "boolean_networks",
        (inputs(4),),
        prior_3=prior_3,
        prior_4=prior_4,
        table=np.swapaxes(tables, 1, 2),
        stopping=np.array(stopping).reshape(5, 2, len(TIMES), 3),
        scales=np.array(results.sweep(scaled, [(scale,) for scale in SCALES])),
        cold=colds,
        started=started[..., 0],
    )


if __name__ == "__main__":
    main()
