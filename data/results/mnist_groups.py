"""Fits on MNIST without whole groups of images, for lecture 2_4. Takes minutes, and 3 GB.

Starts from what mnist_leave_one_out.py stored. Stores the weights fitted without the 560 and the 580 training images
that harm one test image most, without the 1,000 most helpful, without the 1,000 most harmful sixes, the 1,400 most
harmful fives and the 1,200 most harmful images that are no fives; and the weights fitted with a thousandth more and
less weight on all misread training images.
"""

import numpy as np

from helpers import data, influence, results, softmax

TEST, RIDGE, EXTRA = 8, 0.01, 1e-3

mnist = data.mnist()
varying = mnist.train_x[5000:].max(axis=0) > 0
x, y = mnist.train_x[5000:][:, varying] / 255, mnist.train_y[5000:]
test = mnist.test_x[[TEST]][:, varying] / 255, mnist.test_y[[TEST]]

weights = results.load("mnist_leave_one_out", mnist[:2])["weights"]
order = np.argsort(-influence.on_loss(weights, x, y, *test, RIDGE)[0])
groups = {
    "without_560": order[:560],
    "without_580": order[:580],
    "without_helpful": order[:-1001:-1],
    "without_sixes": order[y[order] == 6][:1000],
    "without_fives": order[y[order] == 5][:1400],
    "without_others": order[y[order] != 5][:1200],
}
fits = {}
for name, group in groups.items():
    rest = np.delete(np.arange(len(x)), group)
    fits[name] = softmax.fit(x[rest], y[rest], RIDGE, start=weights)
misread = np.argmax(x @ weights, axis=1) != y
for name, extra in (("misread_more", EXTRA), ("misread_less", -EXTRA)):
    fits[name] = softmax.fit(x, y, RIDGE, np.where(misread, 1 + extra, 1.0), start=weights)
results.save("mnist_groups", mnist[:2], **fits)
