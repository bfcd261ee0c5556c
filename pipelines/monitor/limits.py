"""Limits: how far a model may drift before a scheduler is told to retrain it.

A file says only what is different from the starting values::

    version: 1
    drift:
      psi: 0.3
    models:
      size_fit:
        advice:
          coverage_short: 0.03
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model

from data_contracts.errors import BadInputError
from data_contracts.yaml_text import read_yaml
from pipelines.jobs import MODELS

__all__ = ["Limits", "LimitsError", "ModelLimits", "read_limits"]

Share = Annotated[float, Field(gt=0, le=1, strict=True, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=1, strict=True)]
Above = Annotated[float, Field(gt=0, strict=True, allow_inf_nan=False)]


class LimitsError(BadInputError):
    """A file of limits is wrong; the message names every place and what would be right."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Fewest(_Strict):
    """What a group needs to be judged.

    Parameters
    ----------
    lines
        Lines with a known outcome, or asked where no outcome is needed.
    events
        Lines of the rarer outcome.
    """

    lines: Count = 200
    events: Count = 20


class Drift(_Strict):
    """How far the population may move.

    Parameters
    ----------
    psi
        Population stability index of a feature, less what its sample size explains; None for no
        limit. A feature that moved by itself while the model was trained may move `usual_times` as
        far as it did then, if that is more.
    usual_times
        See `psi`.
    features
        How many features may be beyond their limit.
    """

    psi: Above | None = 0.25
    usual_times: Above = 2.0
    features: Annotated[int, Field(ge=0, strict=True)] = 0


class Calibration(_Strict):
    """How far predicted and observed shares may lie apart; None for no limit.

    Parameters
    ----------
    gap, group_gap
        |predicted - observed| over all lines, and in a group.
    least_slope, most_slope
        Of the observed log-odds on the predicted, over all lines, divided by that in training.
    ece
        Mean gap over ten bins, less what the sample size explains.
    """

    gap: Share | None = 0.03
    group_gap: Share | None = 0.06
    least_slope: Above | None = 0.6
    most_slope: Above | None = 1.6
    ece: Share | None = 0.05


class Discrimination(_Strict):
    """How far the AUC may fall below that of the training; None for no limit.

    Parameters
    ----------
    auc_drop, group_auc_drop
        Over all lines, and in a group.
    """

    auc_drop: Share | None = 0.05
    group_auc_drop: Share | None = 0.1


class Advice(_Strict):
    """Who gets size advice and who does not; None for no limit.

    Parameters
    ----------
    coverage_short, group_coverage_short
        How far the share of fitting sizes inside the size set may lie below the promised one.
    advised_change, group_advised_change
        How far the share of lines with a recommendation may move.
    """

    coverage_short: Share | None = 0.03
    group_coverage_short: Share | None = 0.08
    advised_change: Share | None = 0.1
    group_advised_change: Share | None = 0.2


class Abuse(_Strict):
    """What honest customers bear; None for no limit.

    Parameters
    ----------
    honest_flagged
        Share of claims of honest heavy returners in the band high or above.
    flagged_change
        How far the share of all claims in the band high or above may move.
    route_change
        How far the share of a route of return reviews may move.
    """

    honest_flagged: Share | None = 0.05
    flagged_change: Share | None = 0.03
    route_change: Share | None = 0.1


class ModelLimits(_Strict):
    """All limits of one model.

    Parameters
    ----------
    false_alarms
        Chance that a model which is as it was crosses any limit of one kind: what crosses it does
        so by more than chance explains, whatever number of groups and features are looked at.
    """

    false_alarms: Annotated[float, Field(gt=0, lt=0.5, strict=True)] = 0.01
    fewest: Fewest = Fewest()
    drift: Drift = Drift()
    calibration: Calibration = Calibration()
    discrimination: Discrimination = Discrimination()
    advice: Advice = Advice()
    abuse: Abuse = Abuse()


_Models: type[BaseModel] = create_model(  # a key for each model, and no other
    "_Models",
    __base__=_Strict,
    **dict.fromkeys(MODELS, (dict[str, Any], {})),  # type: ignore[call-overload]
)


class _File(ModelLimits):
    version: Literal[1] = 1
    models: _Models = _Models()  # type: ignore[valid-type]


class Limits:
    """Limits by model.

    Parameters
    ----------
    shop
        What holds for every model.
    of_model
        What holds for one, beside that.
    """

    def __init__(
        self,
        shop: Mapping[str, Any] | None = None,
        of_model: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> None:
        own = of_model or {}
        self._limits = {
            name: ModelLimits.model_validate(_merged(shop or {}, own.get(name, {})))
            for name in MODELS
        }

    def of(self, model: str) -> ModelLimits:
        """The limits of a model."""
        return self._limits[model]


def read_limits(path: Path | None) -> Limits:
    """Read a file of limits; the starting values where none is given.

    Raises
    ------
    LimitsError
        The file cannot be read, is not YAML, or says what cannot be; one line for each fault.
    """
    if path is None:
        return Limits()
    try:
        content = read_yaml(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise LimitsError(f"{path}: cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise LimitsError(f"{path}: is not YAML: {' '.join(str(error).split())}") from None
    if not isinstance(content, dict):
        raise LimitsError(f"{path}: must hold keys such as drift, and holds {content!r:.60}")
    problems = _problems(_File, content, str(path))
    own = content.get("models")
    own = own if isinstance(own, dict) else {}
    for name, limits in own.items():
        if name in MODELS and isinstance(limits, dict):
            problems += _problems(ModelLimits, limits, f"{path}: models.{name}")
    if problems:
        raise LimitsError("\n".join(dict.fromkeys(problems)))
    shop = {key: value for key, value in content.items() if key not in ("version", "models")}
    return Limits(shop, own)


def _problems(model: type[BaseModel], content: dict[Any, Any], where: str) -> list[str]:
    try:
        model.model_validate(content)
    except ValidationError as error:
        return [_sentence(model, dict(each), where) for each in error.errors()]
    except TypeError:  # a key that is no text
        return [f"{where}: every key must be text"]
    return []


def _sentence(model: type[BaseModel], error: dict[str, Any], where: str) -> str:
    place = [str(part) for part in error["loc"]]
    key = ".".join(place)
    if error["type"] == "extra_forbidden":
        known = list(_section(model, place[:-1]).model_fields)
        close = difflib.get_close_matches(place[-1], known, n=1)
        hint = f"did you mean {close[0]}? " if close else ""
        return f"{where}: unknown key {key!r}; {hint}known: {', '.join(known)}"
    value = error["input"]
    shown = "null" if value is None else repr(value)[:60]
    return f"{where}: {key} = {shown}: {error['msg'][:1].lower()}{error['msg'][1:]}"


def _section(model: type[BaseModel], place: list[str]) -> type[BaseModel]:
    for part in place:
        inner = model.model_fields[part].annotation
        assert isinstance(inner, type)
        model = inner
    return model


def _merged(shop: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """One over the other, section by section."""
    merged = dict(shop)
    for key, value in own.items():
        before = merged.get(key)
        both = isinstance(value, Mapping) and isinstance(before, Mapping)
        merged[key] = {**before, **value} if both and isinstance(before, Mapping) else value
    return merged
