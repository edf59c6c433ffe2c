"""tests/data/ten_classes: heads over ten classes at scikit-learn's optimum.

Features of the default model for CIFAKE (Bird and Lotfi 2023, MIT), labelled with the CIFAR-10 class in the file's
name (the number in brackets, missing = 1), and scikit-learn's LogisticRegression on them. Run in a folder with
train/ and test/ of CIFAKE below DATA, with Debian's python3-numpy and python3-sklearn (1.2.1):

    /usr/bin/python3 make_ten_classes.py csv DATA       # writes train.csv and test.csv
    for part in train test; do
      levit finetune --labels-csv $part.csv --shard 1/1 --cache $part.features
    done
    /usr/bin/python3 make_ten_classes.py golden         # writes *.npy and expected.json
    /usr/bin/python3 make_ten_classes.py all            # prints the figures of all 20 000 and 10 000 pictures
"""
import csv
import hashlib
import json
import os
import re
import sys

import numpy as np

TRAIN, TEST, WIDTH, SEED = 1000, 600, 48, 16
HEADER, WIDE = 64, 384
RECORD = 16 + 4 * WIDE + 8  # tools/levit/dataset/feature_cache.h


def write_csv(data):
    for part in ("train", "test"):
        with open(f"{part}.csv", "w", newline="") as file:
            rows = csv.writer(file)
            rows.writerow(["path", "label"])
            for label in ("ai", "real"):
                folder = os.path.join(os.path.abspath(data), part, label)
                for name in sorted(os.listdir(folder)):
                    number = re.search(r"\((\d+)\)\.jpg$", name)
                    rows.writerow([os.path.join(folder, name), "c%02d" % (int(number.group(1)) if number else 1)])


def read(part):
    """Features in the order of the paths; a cache has one record for pictures that are the same file."""
    with open(f"{part}.csv", newline="") as file:
        rows = sorted((row["path"], row["label"]) for row in csv.DictReader(file))
    records = np.fromfile(f"{part}.features", dtype=np.uint8)[HEADER:].reshape(-1, RECORD)
    features = records[:, 16:16 + 4 * WIDE].copy().view("<f4")
    places, order = {}, []
    for path, _ in rows:
        with open(path, "rb") as picture:
            digest = hashlib.sha256(picture.read()).digest()
        order.append(places.setdefault(digest, len(places)))
    assert len(places) == len(features)
    return features[order].astype(np.float64), np.array([int(label[1:]) - 1 for _, label in rows])


def optimum(x, y, xt, yt):
    from sklearn.linear_model import LogisticRegression
    centre = x.mean(0)  # the bias has no penalty: the optimum is the same
    model = LogisticRegression(C=1, solver="newton-cg", tol=1e-5, max_iter=1000).fit(x - centre, y)
    logp = model.predict_log_proba(x - centre)
    gradient = (np.exp(logp) - np.eye(len(model.classes_))[y]).T @ (x - centre) + model.coef_
    assert np.abs(gradient).max() < 1e-3, gradient
    loss = -logp[np.arange(len(y)), y].mean()
    return {"accuracy": model.score(xt - centre, yt), "training_accuracy": model.score(x - centre, y),
                   "training_loss": loss, "objective": loss * len(y) + (model.coef_**2).sum() / 2,
                   "log_loss": -model.predict_log_proba(xt - centre)[np.arange(len(yt)), yt].mean()}


def golden():
    (x, y), (xt, yt) = read("train"), read("test")
    random = np.random.RandomState(SEED)
    train, test = random.permutation(len(x))[:TRAIN], random.permutation(len(xt))[:TEST]
    # The leading principal directions of all training pictures, turned so that every column has a share of each:
    # turning changes neither the optimum nor what it says, and leaves the columns as collinear as they were.
    leading = np.linalg.eigh(np.cov(x.T))[1][:, ::-1][:, :WIDTH]
    turned = leading @ np.linalg.qr(random.standard_normal((WIDTH, WIDTH)))[0]
    a, at = ((z @ turned).astype(np.float32) for z in (x[train], xt[test]))
    for name, value in (("train.features", a), ("train.labels", y[train]), ("test.features", at),
                        ("test.labels", yt[test])):
        np.save(f"{name}.npy", value.astype(np.float32))
    figures = optimum(a.astype(np.float64), y[train], at.astype(np.float64), yt[test])
    with open("expected.json", "w") as file:
        json.dump(figures, file, indent=2)
        file.write("\n")
    print(figures, np.linalg.cond(np.cov(a.T)))


def everything():
    (x, y), (xt, yt) = read("train"), read("test")
    print(optimum(x, y, xt, yt))


if __name__ == "__main__":
    {"csv": lambda: write_csv(sys.argv[2]), "golden": golden, "all": everything}[sys.argv[1]]()
