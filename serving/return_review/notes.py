"""Notes for the returns desk, in English: what a reviewer looks at, with the figures."""

from __future__ import annotations

from collections.abc import Iterator

from serving.languages import Language
from serving.return_review.checks import BLOCKING
from serving.return_review.explanation import finding_text
from serving.return_review.gather import Gathered
from serving.return_review.judgement import Judgement

__all__ = ["reviewer_notes"]


def reviewer_notes(gathered: Gathered, judgement: Judgement, english: Language) -> list[str]:
    """Write the notes.

    Parameters
    ----------
    gathered, judgement
        The review.
    english
        The English catalogue.
    """
    return list(_notes(gathered, judgement, english))


def _notes(gathered: Gathered, judgement: Judgement, english: Language) -> Iterator[str]:
    case = judgement.case
    for finding in judgement.findings:
        yield f"{finding.rule}: {finding_text(finding, case, english)}"
    score = gathered.abuse
    if score is not None:
        yield f"Abuse score {score.score:.2f}, band {case.band}."
        for signal in score.signals:
            figures = ", ".join(f"{name} {_short(each)}" for name, each in signal.figures.items())
            yield f"{signal.code} ({signal.weight:.2f}): {figures or 'no figures'}"
    if case.terms is not None and case.band is not None:
        for sanction in case.terms.sanctions.get(case.band, ()):
            yield f"Policy for band {case.band}: {sanction.replace('_', ' ')}."
    for change in judgement.changed:
        facts = " and ".join(fact.replace("_", " ") for fact in change.facts)
        needed = ", ".join(f"{name} {_short(value)}" for name, value in change.figures.items())
        yield f"With {facts}{f' ({needed})' if needed else ''} the route would be {change.route}."
    rights = judgement.rights
    blocked = any(each.rule in BLOCKING for each in judgement.findings)
    if rights is not None and rights.withdrawal and not blocked:
        yield (
            "Statutory withdrawal: the refund cannot be refused, and may wait for the goods or for "
            "proof that they were sent, whichever comes first."
        )
    chosen = judgement.recommended
    if chosen is None:
        yield "No option is recommended: decide in person and record the outcome."
    elif chosen.cost is not None:
        yield f"Recommended: {chosen.option}, expected cost {chosen.cost.total}."


def _short(figure: float | str) -> str:
    return f"{figure:g}" if isinstance(figure, float) else str(figure)
