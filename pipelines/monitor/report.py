"""The machine-readable file: its shape, version 1.

Within a version fields are only ever added. ``docs/monitor.schema.json`` is this as JSON Schema.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

__all__ = [
    "AdviceGroup",
    "Check",
    "Claims",
    "Feature",
    "Figure",
    "Group",
    "Interval",
    "ModelReport",
    "Report",
    "Routes",
    "Verdict",
]

Verdict = Literal["fine", "crossed", "not_judged"]


class _Shape(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Interval(_Shape):
    """A figure with the interval that holds the true one in 95 of 100 cases."""

    value: float
    low: float
    high: float


class Group(_Shape):
    """A part of the questions: a dimension and one of its values, both ``all`` for everything."""

    dimension: str
    group: str


class Check(_Shape):
    """One figure held against one limit."""

    kind: Literal["drift", "calibration", "discrimination", "advice", "abuse", "routes"]
    what: str = Field(description="What was compared, in words.")
    limit_name: str = Field(description="Key of the limits file, such as calibration.group_gap.")
    target: str | None = None
    where: Group | None = None
    value: float | None = Field(
        default=None, description="How far off the figure is; more is worse."
    )
    limit: float | None = Field(default=None, description="The value may be up to this.")
    verdict: Verdict
    why: str = Field(default="", description="Why it is not judged, or what crossed the limit.")


class Feature(_Shape):
    """How far one feature has moved since the training."""

    name: str
    psi: float = Field(description="Population stability index.")
    expected: float = Field(description="The index if nothing had changed.")
    usual: float = Field(description="How far it moved by itself during the training.")
    limit: float | None
    p: float = Field(description="Chance of such an index without a change, of all features.")
    verdict: Verdict
    moved: str = Field(description="The bin that changed most, in words.")
    bins: list[str]
    before: list[float] = Field(description="Share of each bin in the training.")
    now: list[float] = Field(description="Share of each bin now.")


class Figure(_Shape):
    """Calibration and discrimination of one target in one group, on matured labels."""

    target: str
    where: Group
    lines: int
    events: int
    customers: int
    observed: float
    predicted: float
    gap: Interval = Field(description="Predicted less observed.")
    slope: Interval | None
    ece: float
    ece_expected: float = Field(description="Of a perfectly calibrated model on as many lines.")
    auc: Interval | None
    trained_lines: int | None = Field(description="Lines in the training fingerprint.")
    trained_gap: float | None
    trained_auc: float | None
    judged: bool
    verdict: Verdict


class AdviceGroup(_Shape):
    """Who gets size advice, and whether the size sets hold what they promise."""

    where: Group
    lines: int
    advised: Interval
    trained_advised: float | None
    fitted: int = Field(description="Lines known to have fitted, with a size set.")
    covered: Interval | None
    verdict: Verdict


class Claims(_Shape):
    """What the abuse score makes of claims."""

    claims: int
    flagged: Interval | None = Field(description="Share in the band high or above.")
    trained_flagged: float | None
    honest_claims: int = Field(description="Claims of honest heavy returners.")
    honest_flagged: Interval | None = Field(description="Of these; their false-positive rate.")
    trained_honest_flagged: float | None
    cleared_claims: int = Field(description="Of accounts a person found legitimate.")
    cleared_flagged: Interval | None
    decided: int = Field(description="Decisions on record.")


class Routes(_Shape):
    """Share of each route of the return reviews that were answered."""

    reviews: int
    trained_reviews: int
    shares: dict[str, Interval]
    trained_shares: dict[str, float]


class ModelReport(_Shape):
    """What was seen of one model."""

    name: str
    version: int
    trained_until: datetime | None = Field(description="Last question it was trained on.")
    since: datetime | None = Field(description="First question that is looked at.")
    until: datetime | None
    asked: int = Field(description="Questions looked at.")
    matured: int = Field(description="Of these, with a matured label.")
    has_fingerprint: bool
    verdict: Verdict
    notes: list[str]
    checks: list[Check]
    features: list[Feature]
    figures: list[Figure]
    advice: list[AdviceGroup]
    statuses: dict[str, float] = Field(description="Share of each status of the size advice.")
    trained_statuses: dict[str, float]
    claims: Claims | None
    routes: Routes | None


class Report(_Shape):
    """What `muslin monitor` saw."""

    format: Literal[1] = 1
    made_at: datetime
    source: str
    known_until: datetime = Field(description="Last moment the tables tell of.")
    verdict: Literal["fine", "crossed"]
    without_champion: list[str]
    models: list[ModelReport]

    @property
    def crossed(self) -> bool:
        """Whether a limit was crossed."""
        return self.verdict == "crossed"
