# SPDX-License-Identifier: MIT
"""Rows that show where an evaluator of trees is wrong: values on a threshold and beside it, missing ones."""
import json

import numpy as np


def thresholds_of(booster):
    """(feature, threshold) of each split, as the model's JSON has them."""
    trees = json.loads(bytes(booster.save_raw("json")))["learner"]["gradient_booster"]["model"]["trees"]
    return [(f, t) for tree in trees
            for left, f, t in zip(tree["left_children"], tree["split_indices"], tree["split_conditions"])
            if left != -1]


def rows_for(booster, data, rng, n=400):
    """n rows of float32: of the data, at random, on thresholds and one float32 beside them; a tenth missing."""
    width = data.shape[1]
    x = data[rng.integers(len(data), size=n)].astype(np.float32)
    splits = thresholds_of(booster)
    for row in range(n // 4, n):
        for _ in range(width if splits else 0):
            feature, threshold = splits[rng.integers(len(splits))]
            beside = np.float32(threshold)
            x[row, feature] = (beside, np.nextafter(beside, np.float32(-np.inf), dtype=np.float32),
                               np.nextafter(beside, np.float32(np.inf), dtype=np.float32))[rng.integers(3)]
    x[rng.random(x.shape) < 0.1] = np.nan
    x[0] = np.nan
    return x


def write(path, x):
    np.ascontiguousarray(x, dtype=np.float32).tofile(path)
