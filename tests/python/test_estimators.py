# SPDX-License-Identifier: MIT
"""RULRegressor and FailureClassifier as users of scikit-learn meet them, with one before 1.6 and a later one."""
import copy
import pickle
import sys
import unittest

import frames_env

if frames_env.version():
    import numpy as np
    import pandas as pd
    from sklearn.model_selection import GridSearchCV, GroupKFold, cross_val_score
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    import evtwin.errors as errors
    from evtwin import core
    from evtwin._arrow import from_arrow
    from evtwin.estimators import FailureClassifier, RULRegressor

N_BATTERIES, N_ROWS = 20, 20


def lives(seed=1):
    """Batteries whose health falls, faster in some: SOH and temperature say what is left."""
    rng = np.random.default_rng(seed)
    parts = []
    for battery in range(N_BATTERIES):
        life = rng.uniform(600, 1400)
        cycles = np.sort(rng.uniform(0, life, N_ROWS))
        parts.append(pd.DataFrame({
            "soh": 100 - 20 * cycles / life + rng.normal(0, 0.5, N_ROWS),
            "temperature": rng.normal(40 - life / 100, 1, N_ROWS),
            "noise": rng.normal(0, 1, N_ROWS),
            "rul": life - cycles,
            "failure": life - cycles < 200,
            "battery": f"B{battery:03d}",
        }))
    frame = pd.concat(parts, ignore_index=True)
    frame["soh"] = frame["soh"].clip(0, 100)
    return frame


class Estimators(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.frame = lives()
        cls.X = cls.frame[["soh", "temperature", "noise"]]

    def test_fit_is_plain(self):
        model = RULRegressor(trees=30).fit(self.X, self.frame["rul"])
        self.assertGreater(model.score(self.X, self.frame["rul"]), 0.9)
        self.assertEqual(list(model.feature_names_in_), list(self.X.columns))
        self.assertEqual(model.n_features_in_, 3)
        self.assertAlmostEqual(model.feature_importances_.sum(), 1)
        self.assertLess(model.feature_importances_[2], model.feature_importances_[0])
        self.assertFalse(hasattr(model, "scores_"))

    def test_defaults_are_the_targets(self):
        model = RULRegressor().fit(self.X[:50], self.frame["rul"][:50])
        self.assertEqual(core.model_trees(model.forest_.handle), core.target_get(core.target_find("rul")).trees)

    def test_missing_values(self):
        X = self.X.to_numpy(copy=True)
        X[::7, 2] = np.nan
        model = RULRegressor(trees=20).fit(X, self.frame["rul"])
        self.assertTrue(np.isfinite(model.predict(X)).all())
        X[3, 0] = np.inf
        with self.assertRaises(ValueError):
            model.predict(X)

    def test_never_below_zero_if_no_label_is(self):
        y = np.maximum(self.frame["rul"] - 400, 0)
        self.assertGreaterEqual(RULRegressor(trees=60, learning_rate=0.5).fit(self.X, y).predict(self.X).min(), 0)
        y = self.frame["rul"] - 900
        self.assertLess(RULRegressor(trees=60).fit(self.X, y).predict(self.X).min(), 0)

    def test_classes(self):
        words = np.where(self.frame["failure"], "soon", "later")
        model = FailureClassifier(trees=30).fit(self.X, words)
        self.assertEqual(list(model.classes_), ["later", "soon"])
        p = model.predict_proba(self.X)
        self.assertEqual(p.shape, (len(self.X), 2))
        np.testing.assert_allclose(p.sum(axis=1), 1)
        self.assertGreater(model.score(self.X, words), 0.9)
        with self.assertRaisesRegex(ValueError, "binary"):
            model.fit(self.X, self.frame["battery"])
        with self.assertRaisesRegex(errors.DataError, "one class"):
            model.fit(self.X, np.zeros(len(self.X)))

    def test_pickle_and_copy(self):
        for model in (RULRegressor(trees=20).fit(self.X, self.frame["rul"]),
                      FailureClassifier(trees=20).fit(self.X, self.frame["failure"])):
            for again in (pickle.loads(pickle.dumps(model)), copy.deepcopy(model)):
                np.testing.assert_array_equal(model.predict(self.X), again.predict(self.X))
                np.testing.assert_array_equal(model.feature_importances_, again.feature_importances_)

    def test_seed(self):
        def predicted(seed):
            return RULRegressor(trees=10, subsample=0.5, random_state=seed).fit(self.X, self.frame["rul"]).predict(self.X)

        for seed in (3, 2**32 - 1):  # scikit-learn's go beyond XGBoost's
            np.testing.assert_array_equal(predicted(seed), predicted(seed))
        self.assertTrue((predicted(3) != predicted(4)).any())
        np.testing.assert_array_equal(predicted(np.random.RandomState(5)), predicted(np.random.RandomState(5)))

    def test_parameters_are_checked_by_fit(self):
        for wrong in ({"trees": 0}, {"depth": 17}, {"learning_rate": 0.0}, {"subsample": 1.5}, {"random_state": -1}, {"random_state": 2**32}):
            with self.subTest(wrong), self.assertRaises((ValueError, OverflowError)):
                RULRegressor(**wrong).fit(self.X, self.frame["rul"])

    def test_tools_of_sklearn(self):
        y, groups = self.frame["rul"], self.frame["battery"]
        pipeline = make_pipeline(StandardScaler(), RULRegressor(trees=20))
        scores = cross_val_score(pipeline, self.X, y, groups=groups, cv=GroupKFold(4))
        self.assertGreater(scores.mean(), 0.5)
        grid = GridSearchCV(RULRegressor(trees=15), {"depth": [1, 4]}, cv=GroupKFold(3)).fit(self.X, y, groups=groups)
        self.assertEqual(grid.best_params_, {"depth": 4})
        grid = GridSearchCV(FailureClassifier(), {"trees": np.arange(5, 7), "learning_rate": np.array([0.1], np.float32)},
                            cv=GroupKFold(3), error_score="raise")
        self.assertIn(grid.fit(self.X, self.frame["failure"], groups=groups).best_params_["trees"], (5, 6))

    # ---- groups ----

    def test_groups_give_the_scores_of_train(self):
        model = RULRegressor(trees=30, depth=4).fit(self.X, self.frame["rul"], groups=self.frame["battery"])
        scores = model.scores_
        self.assertEqual(set(scores), {"model", "mean", "single"})
        self.assertEqual(scores["model"]["n_folds"], 5)
        self.assertLess(scores["model"]["rmse"], scores["mean"]["rmse"])
        self.assertTrue(model.has_signal_)
        self.assertTrue(all(isinstance(found, str) for found in model.findings_))
        held = model.held_out_prediction_
        self.assertAlmostEqual(np.sqrt(np.mean((held - self.frame["rul"]) ** 2)), scores["model"]["rmse"], places=6)
        # it is what evtwin.train gives for the same rows
        target, options = core.target_get(core.target_find("rul")), core.train_options()
        target.trees, target.depth, target.column = 30, 4, "label of y"
        options.features, options.group, options.cv_folds = "soh,temperature,noise", "battery", 5
        x = self.X.astype(np.float32).astype(float)
        table = from_arrow(x.assign(battery=self.frame["battery"], **{"label of y": self.frame["rul"]}))
        trainer = core.train(table, [target], options)
        self.assertEqual(core.trainer_score(trainer, "rul", core.SCORED_MODEL, core.ALL_FOLDS).rmse,
                         scores["model"]["rmse"])
        # a forest on all rows predicts, as without groups
        plain = RULRegressor(trees=30, depth=4).fit(self.X, self.frame["rul"])
        np.testing.assert_array_equal(plain.predict(self.X), model.predict(self.X))
        model.fit(self.X, self.frame["rul"])
        self.assertFalse(hasattr(model, "scores_"))

    def test_groups_of_a_classifier(self):
        model = FailureClassifier(trees=30, depth=3).fit(self.X, np.where(self.frame["failure"], "y", "n"),
                                                         groups=self.frame["battery"].str[1:].astype(int))
        self.assertLess(model.scores_["model"]["brier"], model.scores_["mean"]["brier"])
        held = model.held_out_prediction_
        self.assertTrue(((held >= 0) & (held <= 1)).all())

    def test_groups_refuse_what_leaks(self):
        leaking = self.X.assign(remaining=self.frame["rul"] * 1.0)
        model = RULRegressor(trees=10)
        with self.assertRaisesRegex(errors.DataError, "remaining"):
            model.fit(leaking, self.frame["rul"], groups=self.frame["battery"])
        self.assertGreater(model.fit(leaking, self.frame["rul"]).score(leaking, self.frame["rul"]), 0.5)

    def test_groups_take_what_a_scaler_made_of_our_quantities(self):
        """As without groups: to a forest they are numbers, wherever they lie."""
        plain = RULRegressor(trees=10).fit(self.X, self.frame["rul"], groups=self.frame["battery"])
        scaler = StandardScaler().set_output(transform="pandas")
        for X in (scaler.fit_transform(self.X), self.X.assign(soh=self.X["soh"] / 100)):
            model = RULRegressor(trees=10).fit(X, self.frame["rul"], groups=self.frame["battery"])
            self.assertAlmostEqual(model.scores_["model"]["rmse"] / plain.scores_["model"]["rmse"], 1, delta=0.1)
            self.assertIn(model.scores_["single"]["feature"], [f"{name} as given" for name in self.X])

    def test_rows_without_a_battery_are_left_out(self):
        """As evtwin.train does: they are no battery together."""
        groups = self.frame["battery"].where(self.frame.index >= 30)
        for missing in (groups, groups.astype("category"), groups.astype("string")):
            model = RULRegressor(trees=5).fit(self.X, self.frame["rul"], groups=missing)
            self.assertEqual(np.isnan(model.held_out_prediction_).tolist(), groups.isna().tolist())
            self.assertIn("30 have no group", " ".join(model.findings_))

    def test_groups_are_checked(self):
        y = self.frame["rul"]
        with self.assertRaisesRegex(ValueError, "groups"):
            RULRegressor().fit(self.X, y, groups=["a", "b"])
        with self.assertRaisesRegex(ValueError, "subsample"):
            RULRegressor(subsample=0.5).fit(self.X, y, groups=self.frame["battery"])

    def test_names_of_other_units_are_not_converted(self):
        """Columns under the data set's names (SoC is a fraction there) are taken as they are."""
        X = self.X.rename(columns={"soh": "SoH", "temperature": "SoC"})
        model = RULRegressor(trees=10).fit(X, self.frame["rul"], groups=self.frame["battery"])
        self.assertLess(model.scores_["model"]["rmse"], model.scores_["mean"]["rmse"])


if __name__ == "__main__":
    if frames_env.version() is None:
        frames_env.run_in(["new", "old"])
        sys.exit(0)
    unittest.main(verbosity=1)
