"""What every estimator of ours promises, as one test class for all of them."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError


@dataclass(frozen=True)
class Case:
    """An estimator with what it can be trained on.

    Attributes
    ----------
    estimator
        Not fitted.
    X
        Rows by named columns, in the order the estimator declares.
    y
        Outcomes.
    options
        Further arguments of ``fit``.
    coded
        Columns that hold codes of categories.
    """

    estimator: Any
    X: pd.DataFrame
    y: np.ndarray
    options: dict[str, Any]
    coded: tuple[str, ...]


class EstimatorContract:
    """Mix into a test class with two fixtures: ``case`` and ``fitted`` (the case's, trained).

    A third, ``future``, returns (X, mutated X): vectors of the same lines, whose own outcomes and
    all that lies after them were changed in the tables.
    """

    def test_probabilities_are_shares_that_sum_to_one(self, case, fitted):
        chances = fitted.predict_proba(case.X)
        assert chances.shape == (len(case.X), len(fitted.classes_))
        assert ((chances >= 0) & (chances <= 1)).all()
        np.testing.assert_allclose(chances.sum(axis=1), 1.0, rtol=1e-9)

    def test_probabilities_differ_between_rows(self, case, fitted):
        assert np.ptp(fitted.predict_proba(case.X), axis=0).max() > 0.01

    def test_the_predicted_class_is_the_likeliest(self, case, fitted):
        likeliest = fitted.classes_[fitted.predict_proba(case.X).argmax(axis=1)]
        np.testing.assert_array_equal(fitted.predict(case.X), likeliest)

    def test_batch_equals_single(self, case, fitted):
        batch = fitted.predict_proba(case.X)
        for row in range(0, len(case.X), max(len(case.X) // 12, 1)):
            alone = fitted.predict_proba(case.X.iloc[[row]])[0]
            np.testing.assert_allclose(alone, batch[row], rtol=1e-12)

    def test_the_order_of_the_rows_does_not_matter(self, case, fitted):
        order = np.random.default_rng(0).permutation(len(case.X))
        np.testing.assert_allclose(
            fitted.predict_proba(case.X.iloc[order]),
            fitted.predict_proba(case.X)[order],
            rtol=1e-12,
        )

    def test_the_order_of_the_columns_does_not_matter(self, case, fitted):
        mixed = case.X[case.X.columns[::-1]]
        np.testing.assert_array_equal(fitted.predict_proba(mixed), fitted.predict_proba(case.X))
        again = clone(case.estimator).fit(mixed, case.y, **case.options)
        np.testing.assert_array_equal(again.predict_proba(mixed), fitted.predict_proba(case.X))

    def test_a_matrix_is_read_like_its_data_frame(self, case, fitted):
        matrix = case.X.to_numpy(dtype="float64")
        np.testing.assert_array_equal(fitted.predict_proba(matrix), fitted.predict_proba(case.X))

    def test_a_missing_column_is_named(self, case, fitted):
        with pytest.raises(ValueError, match=case.X.columns[2]):
            fitted.predict_proba(case.X.drop(columns=case.X.columns[2]))

    def test_a_matrix_of_another_width_is_refused(self, case, fitted):
        with pytest.raises(ValueError, match="columns"):
            fitted.predict_proba(case.X.to_numpy()[:, :-1])

    def test_missing_values_and_unknown_categories_are_allowed(self, case, fitted):
        nothing = pd.DataFrame(np.nan, index=[0], columns=case.X.columns)
        unknown = case.X.iloc[[0]].assign(**dict.fromkeys(case.coded, 9999.0))
        no_code = case.X.iloc[[0]].assign(**dict.fromkeys(case.coded, np.nan))
        for row in (nothing, unknown, no_code):
            chances = fitted.predict_proba(row)
            assert np.isfinite(chances).all()
            np.testing.assert_allclose(chances.sum(axis=1), 1.0, rtol=1e-9)

    def test_each_column_may_be_missing_alone(self, case, fitted):
        names = case.X.columns
        rows = pd.concat([case.X.iloc[[0]]] * len(names), ignore_index=True)
        values = rows.to_numpy(dtype="float64").copy()
        np.fill_diagonal(values, np.nan)
        assert np.isfinite(fitted.predict_proba(pd.DataFrame(values, columns=names))).all()

    def test_the_same_seed_gives_the_same_numbers(self, case, fitted):
        again = clone(case.estimator).fit(case.X, case.y, **case.options)
        np.testing.assert_array_equal(again.predict_proba(case.X), fitted.predict_proba(case.X))

    def test_predicting_does_not_change_its_input(self, case, fitted):
        before = case.X.copy()
        fitted.predict_proba(case.X)
        pd.testing.assert_frame_equal(case.X, before)

    def test_saved_and_loaded_it_predicts_the_same(self, case, fitted, tmp_path):
        fitted.save(tmp_path / "model")
        back = type(fitted).load(tmp_path / "model")
        np.testing.assert_array_equal(back.predict_proba(case.X), fitted.predict_proba(case.X))
        assert back.get_params() == fitted.get_params()

    def test_a_saved_model_holds_nothing_that_could_be_executed(self, fitted, tmp_path):
        fitted.save(tmp_path / "model")
        files = [path for path in (tmp_path / "model").rglob("*") if path.is_file()]
        assert {path.suffix for path in files} <= {".json", ".txt"}

    def test_a_model_of_other_features_is_not_loaded(self, fitted, tmp_path):
        fitted.save(tmp_path)
        path = Path(tmp_path / "model.json")
        stored = json.loads(path.read_text())
        path.write_text(json.dumps({**stored, "vector": [*stored["vector"], "star_sign"]}))
        with pytest.raises(ValueError, match="star_sign"):
            type(fitted).load(tmp_path)

    def test_another_model_is_not_loaded(self, fitted, tmp_path):
        fitted.save(tmp_path)
        path = Path(tmp_path / "model.json")
        path.write_text(json.dumps({**json.loads(path.read_text()), "model": "horoscope"}))
        with pytest.raises(ValueError, match="horoscope"):
            type(fitted).load(tmp_path)

    def test_init_only_stores_and_clone_keeps_the_parameters(self, case):
        params = case.estimator.get_params()
        assert vars(case.estimator) == params
        assert clone(case.estimator).get_params() == params
        changed = clone(case.estimator).set_params(random_state=17)
        assert changed.get_params() == {**params, "random_state": 17}

    def test_fitting_leaves_the_parameters_alone(self, case, fitted):
        assert fitted.get_params() == case.estimator.get_params()
        learned = set(vars(fitted)) - set(fitted.get_params())
        assert learned
        assert all(name.endswith("_") for name in learned)

    def test_not_fitted_it_says_so(self, case):
        with pytest.raises(NotFittedError):
            clone(case.estimator).predict_proba(case.X)

    def test_a_mutated_future_changes_nothing(self, fitted, future):
        was, now = future
        np.testing.assert_allclose(
            fitted.predict_proba(now), fitted.predict_proba(was), rtol=1e-9, atol=1e-9
        )
