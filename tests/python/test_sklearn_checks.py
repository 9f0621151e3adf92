# SPDX-License-Identifier: MIT
"""scikit-learn's own checks of estimators, parametrize_with_checks, with one before 1.6 and a later one. None is
expected to fail."""
import os

import frames_env

frames_env.run_in(["new", "old"], "-m", "pytest", "-q", "-p", "no:cacheprovider",
                  os.path.join(os.path.dirname(os.path.abspath(__file__)), "estimators_checks.py"))
