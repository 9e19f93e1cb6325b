"""Trains the same model with Python's LightGBM: reads one JSON job on standard input, writes the model text to standard output."""

import json
import sys

import lightgbm
import numpy

job = json.load(sys.stdin)


def field(name, kind):
    return numpy.fromfile(job[name], dtype=kind) if name in job else None


matrix = numpy.fromfile(job["matrix"], dtype="<f8").reshape(-1, len(job["features"]))
data = lightgbm.Dataset(
    matrix,
    label=field("labels", "<f4"),
    weight=field("weights", "<f4"),
    group=field("groups", "<i4"),
    feature_name=job["features"],
    categorical_feature=job["categorical"],
    params=job["params"],
)
model = lightgbm.train(job["params"], data, num_boost_round=job["rounds"])
sys.stdout.write(model.model_to_string(num_iteration=-1))
