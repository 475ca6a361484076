"""Leave-one-out retraining on MNIST, the truth of lecture 2_4 (Koh & Liang 2017, Fig. 2 left). Takes minutes, and 3 GB.

Stores the fitted weights; the 500 training images with the largest influence on one test image and 100 others, with
the change of the loss on that test image when each of them is left out, retrained to a gradient norm of 1e-12; and the
weights fitted without the most harmful 10, 100, ... images together.
"""

import numpy as np

from helpers import data, influence, results, softmax

TEST, RIDGE = 8, 0.01  # as in the paper

mnist = data.mnist()
varying = mnist.train_x[5000:].max(axis=0) > 0
x, y = mnist.train_x[5000:][:, varying] / 255, mnist.train_y[5000:]  # the first 5,000 are set apart for validation
test = mnist.test_x[[TEST]][:, varying] / 255, mnist.test_y[[TEST]]

weights = softmax.fit(x, y, RIDGE, start=softmax.fit(x[::10], y[::10], RIDGE))
on_test = influence.on_loss(weights, x, y, *test, RIDGE)[0]
order = np.argsort(-np.abs(on_test))
indices = np.concatenate([order[:500], np.random.default_rng(0).choice(order[500:], size=100, replace=False)])
without = influence.leave_one_out(x, y, RIDGE, weights, indices)
before = softmax.loss(weights, *test, RIDGE)[0]
change = np.array([softmax.loss(w, *test, RIDGE)[0] - before for w in without])

sizes, group_weights, start = np.array([10, 100, 300, 1000, 3000]), [], weights
for size in sizes:
    rest = np.delete(np.arange(len(x)), np.argsort(-on_test)[:size])
    start = softmax.fit(x[rest], y[rest], RIDGE, start=start)
    group_weights.append(start)
results.save(
    "mnist_leave_one_out",
    mnist[:2],
    weights=weights,
    indices=indices,
    change=change,
    sizes=sizes,
    group_weights=np.array(group_weights),
)
