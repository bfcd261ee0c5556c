"""Abuse scores from the real model: state look-up, vector, model, signals."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from features.abuse_online import AbuseLookup
from features.abuse_space import AbuseSpace
from features.questions import ClaimQuestion
from features.settings import Settings
from features.state import StateError, StateReader
from models.abuse import AbuseModel, AbuseScore
from models.abuse.signals import evidence_of, signals_of
from serving.advisor import ModelLabel
from serving.degraded import open_steady
from serving.state_guard import StateGuard

__all__ = ["ModelScorer", "load_abuse_scorer"]


class ModelScorer:
    """The champion with the state it was materialised for.

    Parameters
    ----------
    model
        The estimator.
    space
        Its feature space.
    state
        The online state, filled for this model.
    label
        Its name and version in the registry.

    Raises
    ------
    StateError
        When the state was filled for another version.
    """

    def __init__(
        self, model: AbuseModel, space: AbuseSpace, state: StateReader, label: ModelLabel
    ) -> None:
        self._model = model
        self._space = space
        self._lookup = AbuseLookup(space, state)
        self._label = label
        self._guard = StateGuard(state, label, space.fingerprint)

    def label(self) -> ModelLabel:
        """Name and version of the model."""
        return self._label

    def over(self, state: StateReader) -> ModelScorer:
        """The same model, asking another state that was filled for it.

        Raises
        ------
        StateError
            When it was filled for another.
        """
        return ModelScorer(self._model, self._space, state, self._label)

    def score(self, questions: Sequence[ClaimQuestion]) -> list[AbuseScore]:
        """Score each claim; state and model are asked once for all of them.

        Raises
        ------
        StateError
            When the state has been filled for another model meanwhile.
        """
        self._guard.check()
        if not questions:
            return []
        contexts = self._lookup.contexts(questions)
        chances = self._model.predict_proba(np.array([each.x for each in contexts]))[:, 1]
        return [
            AbuseScore(
                score=chance,
                signals=signals_of(context.x),
                evidence=evidence_of(context.x, order_known=context.order is not None),
            )
            for context, chance in zip(contexts, chances.tolist(), strict=True)
        ]


def load_abuse_scorer(folder: Path, label: ModelLabel, settings: Settings) -> ModelScorer:
    """Load the model and open the state it was materialised for.

    Parameters
    ----------
    folder
        The champion's files.
    label
        Its name and version.
    settings
        Where the state is.

    Raises
    ------
    StateError
        When there is no state, or it was filled for another version.
    ValueError
        When the files are of another model or format.
    """
    model = AbuseModel.load(folder)
    space = AbuseSpace.load(folder)
    state = open_steady(settings.state_url)
    try:
        return ModelScorer(model, space, state, label)
    except StateError:
        state.close()
        raise
