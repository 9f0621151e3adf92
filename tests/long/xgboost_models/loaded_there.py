# SPDX-License-Identifier: MIT
"""loaded_there.py FOLDER MODEL...: models of evtwin-train in Python's XGBoost: each is loaded, asked for rows
(FOLDER/NAME.x) and their answers (NAME.all.margin, .all.value), and saved again as NAME.json and NAME.ubj."""
import os
import sys

import numpy as np
import xgboost as xgb

from rows import rows_for, write

OUT = sys.argv[1]
for model in sys.argv[2:]:
    name = os.path.join(OUT, os.path.splitext(os.path.basename(model))[0])
    rng = np.random.default_rng(11)
    booster = xgb.Booster(model_file=model)
    assert booster.feature_names, f"{model}: its features have names"
    x = rows_for(booster, rng.normal(size=(100, booster.num_features())) * 2, rng, 2000)
    matrix = xgb.DMatrix(x, missing=np.nan, nthread=1, feature_names=booster.feature_names)
    write(name + ".x", x)
    write(name + ".all.margin", booster.predict(matrix, output_margin=True))
    write(name + ".all.value", booster.predict(matrix))
    for form in (".json", ".ubj"):
        booster.save_model(name + form)
