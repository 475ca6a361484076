"""Where descent ends from many kinds of starts, for teachers near the identity: the counts of lecture 3_3.

Takes about a quarter of an hour. There are four counts: solved, that is a loss below 1e-3; exact, that is solved and
each unit at the teacher's unit of its own number; runs; and unfinished, that is neither solved nor at rest after the
last step. Stores `by_dimension` (2 starts, 9 dimensions, 4), `by_ratio` (3 dimensions, 9 ratios, 4), `same_ratio` (2
dimensions, 4 scales, 4), `by_start` (2 dimensions, 17 starts, 4), `flipped` (10 dimensions, 4), `turned` (3
directions, 7 angles, 4), `extra` (2 dimensions, 4) and, without the last count, `practice` (4 settings, 3).
"""

import numpy as np
from scipy import optimize

from helpers import results, two_layer

DIMENSIONS = (5, 6, 7, 8, 10, 12, 15, 20, 40)
RATIOS = (0, 0.25, 0.5, 0.625, 0.75, 0.875, 1, 1.5, 2)
SCALES = ((0.5, 1), (1, 2), (0.25, 0.5), (0.1, 0.2))
FLIPPED = (2, 3, 4, 5, 6, 7, 8, 9, 10, 15)
ANGLES = (60, 75, 90, 105, 120, 150, 180)
RUNS = {20: 200, 40: 200}  # of each kind of start, 400 in the other dimensions


def noise(rng, runs, d):
    """Gaussian weights of variance 1/d, a network each."""
    return rng.normal(size=(runs, d, d)) / np.sqrt(d)


def small(rng, runs, d):
    """Gaussian matrices of spectral norm 0.3."""
    weights = noise(rng, runs, d)
    return 0.3 * weights / np.linalg.norm(weights, ord=2, axis=(1, 2))[:, None, None]


def problem(seed, runs, d):
    """A generator, and a teacher for each run."""
    rng = np.random.default_rng(seed)
    return rng, np.eye(d) + small(rng, runs, d)


def verdict(networks, teachers):
    solved, d = two_layer.loss(networks, teachers) < 1e-3, teachers.shape[1]
    own = np.linalg.norm(networks[:, :d] - teachers, axis=(1, 2)) < 0.2
    return [solved.sum(), (solved & own).sum(), len(networks)]


def counts(starts, teachers, steps=6000):
    networks, taken = two_layer.descend(starts, teachers, min(0.9, 4.5 / teachers.shape[2]), 1e-5, steps)
    unfinished = (taken > steps) & (two_layer.loss(networks, teachers) >= 1e-3)
    return [*verdict(networks, teachers), unfinished.sum()]


def units(rows):
    return rows / np.linalg.norm(rows, axis=-1, keepdims=True)


def nearest_order(start, teacher):
    """The teacher's rows in the order in which they are nearest to the start."""
    squares = np.sum((start[:, None] - teacher) ** 2, axis=2)
    return teacher[optimize.linear_sum_assignment(squares)[1]]


def moved(start, teacher, other):
    """The start moved straight to its nearest teacher, to the distance that `other` has from the teacher."""
    goal = nearest_order(start, teacher)
    away = np.linalg.norm(other - nearest_order(other, teacher))
    return goal + away * (start - goal) / np.linalg.norm(start - goal)


def turned_to(start, teacher, other):
    """The start with each row turned towards its nearest teacher, to the cosine that a row of `other` has."""
    goal = units(nearest_order(start, teacher))
    cosine = np.sum(units(other) * units(nearest_order(other, teacher)), axis=1)[:, None]
    across = units(start - np.sum(start * goal, axis=1)[:, None] * goal)
    return np.linalg.norm(start, axis=1)[:, None] * (cosine * goal + np.sqrt(1 - cosine**2) * across)


def rotations(rng, runs, d):
    return np.array([np.linalg.qr(rng.normal(size=(d, d)))[0] for _ in range(runs)])


def starts_and_teachers(d):
    """The seventeen kinds of start, each with its teachers."""
    runs = RUNS.get(d, 400)
    rng, teachers = problem(d, runs, d)
    vanilla, eye, other = noise(rng, runs, d), np.eye(d), np.eye(d) + noise(rng, runs, d)
    near = eye + small(rng, runs, d)
    shared = np.repeat(eye[::2], 2, axis=0) + small(rng, runs, d)
    one_shared, one_flipped = near.copy(), near.copy()
    one_shared[:, 1] += eye[0] - eye[1]
    one_flipped[:, 0] -= 2 * eye[0]
    orders = np.array([rng.permutation(d) for _ in range(runs)])
    signs = rng.choice([-1, 1], size=(runs, d, 1))
    triples = list(zip(vanilla, teachers, other, strict=True))
    yield near, teachers
    yield vanilla, teachers
    yield units(vanilla), teachers
    yield rotations(rng, runs, d), teachers
    yield near, teachers @ rotations(rng, runs, d)
    yield eye[orders] + small(rng, runs, d), teachers
    yield other, teachers
    as_near, turned_so = (np.array([change(*triple) for triple in triples]) for change in (moved, turned_to))
    yield as_near, teachers
    yield turned_so, teachers
    yield shared, teachers
    yield one_shared, teachers
    yield one_flipped, teachers
    yield near - 2 * eye, teachers
    yield near + (signs - 1) * eye, teachers
    yield np.abs(vanilla), teachers
    yield 3 * as_near, teachers
    yield 3 * turned_so, teachers


def one_start(d, number):
    return counts(*list(starts_and_teachers(d))[number])


def flipped(d):
    rng, teachers = problem(d, 400, d)
    starts = np.eye(d) + small(rng, 400, d)
    starts[:, 0] -= 2 * np.eye(d)[0]
    return counts(starts, teachers)


def turned(direction, degrees, d=10):
    """All units at their teachers but the first, which is turned: at random, to the mean of the others, or away."""
    rng, teachers = problem(d, 400, d)
    starts, goal = teachers.copy(), units(teachers[:, 0])
    others = units(teachers[:, 1:].mean(axis=1))
    towards = {"random": rng.normal(size=(400, d)), "others": others, "away": -others}[direction]
    across = units(towards - np.sum(towards * goal, axis=1)[:, None] * goal)
    angle = np.radians(degrees)
    lengths = np.linalg.norm(teachers[:, 0], axis=1)[:, None]
    starts[:, 0] = lengths * (np.cos(angle) * goal + np.sin(angle) * across)
    return counts(starts, teachers)


def adam(starts, teachers, rng, steps=8000, step=0.01):
    """Adam with batches of 32 new inputs and a step that falls like a cosine, for all networks at once."""
    networks = starts.copy()
    first, second = np.zeros_like(networks), np.zeros_like(networks)
    for number in range(1, steps + 1):
        x = rng.normal(size=(len(networks), 32, networks.shape[2]))
        outputs = x @ np.swapaxes(networks, 1, 2)
        miss = np.maximum(outputs, 0).sum(axis=2) - np.maximum(x @ np.swapaxes(teachers, 1, 2), 0).sum(axis=2)
        slope = np.swapaxes((outputs > 0) * miss[..., None], 1, 2) @ x / 32
        first, second = 0.9 * first + 0.1 * slope, 0.999 * second + 0.001 * slope**2
        scale = np.sqrt(second / (1 - 0.999**number)) + 1e-8
        networks -= step * (1 + np.cos(np.pi * number / steps)) / 2 * first / (1 - 0.9**number) / scale
    return networks


def practice(d, runs=100):
    """He's start with and without the identity, the identity with a rotated teacher, and twice as many units."""
    rng, teachers = problem(1, runs, d)
    he = np.sqrt(2) * noise(rng, runs, d)
    wide = np.sqrt(2 / d) * rng.normal(size=(runs, 2 * d, d))
    cases = (
        (he, teachers),
        (np.eye(d) + small(rng, runs, d), teachers),
        (np.eye(d) + small(rng, runs, d), teachers @ rotations(rng, runs, d)),
        (wide, teachers),
    )
    return [verdict(adam(starts, goals, rng), goals) for starts, goals in cases]


def both_starts(d):
    runs = RUNS.get(d, 400)
    rng, teachers = problem(d, runs, d)
    return [counts(start, teachers) for start in (np.eye(d) + small(rng, runs, d), noise(rng, runs, d))]


def mixed(d, identity, scale):
    runs = RUNS.get(d, 400)
    rng, teachers = problem(d, runs, d)
    return counts(identity * np.eye(d) + scale * noise(rng, runs, d), teachers, {40: 3000}.get(d, 6000))


def with_extra(d):
    runs = RUNS.get(d, 400)
    rng, teachers = problem(d, runs, d)
    starts = np.concatenate([noise(rng, runs, d), noise(rng, runs, d)[:, :1]], axis=1)
    return counts(starts, teachers, 20_000)


def main():
    scaled = results.sweep(mixed, [(d, *pair) for d in (10, 20) for pair in SCALES])
    results.save(
        "identity_starts",
        [np.array(DIMENSIONS)],
        by_dimension=np.swapaxes(results.grid(both_starts, DIMENSIONS), 0, 1),
        by_ratio=results.grid(mixed, (10, 20, 40), RATIOS, (1,))[:, :, 0],
        same_ratio=np.array(scaled).reshape(2, len(SCALES), 4),
        by_start=results.grid(one_start, (10, 20), range(17)),
        flipped=results.grid(flipped, FLIPPED),
        turned=results.grid(turned, ("random", "others", "away"), ANGLES),
        extra=results.grid(with_extra, (10, 20)),
        practice=results.grid(practice, (10,))[0],
    )


if __name__ == "__main__":
    main()
