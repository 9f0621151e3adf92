# SPDX-License-Identifier: MIT
"""pytest file of test_estimators.py, which runs it with each scikit-learn: its own checks of estimators."""
from sklearn.utils.estimator_checks import parametrize_with_checks

from evtwin.estimators import FailureClassifier, RULRegressor


@parametrize_with_checks([RULRegressor(trees=25), FailureClassifier(trees=25)])
def test_check(estimator, check):
    check(estimator)
