"""What the three models are built on: scikit-learn's classifier, or less where they only predict.

Training, tuning and tracking want scikit-learn's own base. Predicting wants none of it, and it
takes a second to import: a worker of the service does without (:mod:`models.predicting`).
"""

from __future__ import annotations

import inspect
from typing import Any

__all__ = ["Classifier", "check_is_fitted"]

try:
    from sklearn.base import BaseEstimator, ClassifierMixin
    from sklearn.utils.validation import check_is_fitted
except ModuleNotFoundError as error:
    if (error.name or "").partition(".")[0] != "sklearn":
        raise  # one that is there and broken is no reason to do without

    class Classifier:
        """A classifier that was trained elsewhere."""

        def get_params(self, deep: bool = True) -> dict[str, Any]:
            """What the model was made with, by name."""
            names = list(inspect.signature(type(self).__init__).parameters)[1:]
            return {name: getattr(self, name) for name in names}

    def check_is_fitted(estimator: object, attributes: str) -> None:
        """Raise a ValueError where the model has learned nothing."""
        if not hasattr(estimator, attributes):
            raise ValueError(f"this {type(estimator).__name__} is not fitted; load or fit it first")

else:

    class Classifier(ClassifierMixin, BaseEstimator):  # type: ignore[no-redef]
        """A scikit-learn classifier."""
