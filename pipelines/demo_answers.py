"""What the demo asks the running service, and how it shows the answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
from rich.console import Console
from rich.table import Table as Grid

from pipelines.questions import DemoQuestion, basket_question, claim_question, four_questions

__all__ = ["Answers", "ask", "show"]

_TIMEOUT_S = 30.0
_DESK = "demo-desk"


@dataclass(frozen=True)
class Answers:
    """What was asked and answered; None where no model serves it.

    Parameters
    ----------
    sizes
        Questions for a size, each with its answer.
    basket
        A basket and what is expected of it.
    claim
        A claim and its review.
    outcome
        What became of the review, as it was recorded.
    """

    sizes: Sequence[tuple[DemoQuestion, Mapping[str, Any]]] = ()
    basket: tuple[DemoQuestion, Mapping[str, Any]] | None = None
    claim: tuple[DemoQuestion, Mapping[str, Any]] | None = None
    outcome: Mapping[str, Any] | None = None


def ask(url: str, tables: Mapping[str, pd.DataFrame], serving: Sequence[str]) -> Answers:
    """Ask every question that one of these models answers.

    Parameters
    ----------
    url
        Base URL of the service.
    tables
        The shop the questions are taken from.
    serving
        Names of the models that have a champion.
    """
    sizes: list[tuple[DemoQuestion, Mapping[str, Any]]] = []
    basket = claim = outcome = None
    if "size_fit" in serving:
        sizes = [
            (question, _post(url, "/v1/size-advice", question.request))
            for question in four_questions(tables)
        ]
    if "return_risk" in serving:
        question = basket_question(tables)
        basket = question, _post(url, "/v1/return-risk", question.request)
    if "abuse" in serving:
        question = claim_question(tables)
        review = _post(url, "/v1/return-review", question.request)
        claim = question, review
        decided = {
            "decision": review["recommended"] or "other",
            "label": "legitimate",
            "decided_by": _DESK,
        }
        path = f"/v1/return-review/{review['audit_id']}/outcome"
        outcome = {**decided, **_post(url, path, decided)}
    return Answers(sizes, basket, claim, outcome)


def show(console: Console, answers: Answers) -> None:
    """Print questions and answers as tables."""
    if answers.sizes:
        console.print(_sizes(answers.sizes))
    if answers.basket is not None:
        _show_basket(console, *answers.basket)
    if answers.claim is not None:
        _show_claim(console, *answers.claim)
    if answers.outcome is not None:
        console.print(
            f"{answers.outcome['decided_by']} settled it with {answers.outcome['decision']} and"
            f" judged it {answers.outcome['label']}: {answers.outcome['text']}\n",
            markup=False,
            soft_wrap=True,
        )


def _post(url: str, path: str, request: Mapping[str, Any]) -> dict[str, Any]:
    import httpx

    answer = httpx.post(f"{url}{path}", json=dict(request), timeout=_TIMEOUT_S)
    answer.raise_for_status()
    given: dict[str, Any] = answer.json()
    return given


def _sizes(asked: Sequence[tuple[DemoQuestion, Mapping[str, Any]]]) -> Grid:
    grid = Grid("who asks", "product", "advice", "P(fit)", "answer", show_lines=True, expand=True)
    for column, share in zip(grid.columns, (4, 2, 2, 2, 6), strict=True):
        column.ratio = share
    for question, answer in asked:
        fits = [f"{size['label']} {size['fit']['fit']:.2f}" for size in _best(answer)]
        flag = answer["product_flag"]
        product = f"{answer['product_id']}" + (f"\n{flag.replace('_', ' ')}" if flag else "")
        advice = answer["recommended"] or answer["status"].replace("_", " ")
        advice += f"\n(of {', '.join(answer['size_set'])})" if answer["size_set"] else ""
        grid.add_row(question.who, product, advice, "\n".join(fits), answer["message"])
    return grid


def _best(answer: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The three sizes most likely to fit, in the order they are sold."""
    sizes = answer["sizes"]
    best = sorted(range(len(sizes)), key=lambda i: -sizes[i]["fit"]["fit"])[:3]
    return [sizes[i] for i in sorted(best)]


def _show_basket(console: Console, question: DemoQuestion, answer: Mapping[str, Any]) -> None:
    grid = Grid("line", "P(return)", "likeliest reason", "what moved it", "instead", expand=True)
    grid.title = f"basket of {question.who}"
    for column, share in zip(grid.columns, (3, 2, 2, 6, 3), strict=True):
        column.ratio = share
    grid.show_lines = True
    for line in answer["lines"]:
        what = " ".join(str(line[name]) for name in ("product_id", "size", "colour") if line[name])
        reason, chance = max(line["reasons"].items(), key=lambda item: item[1])
        moved = [each["text"] or each["code"].replace("_", " ") for each in line["drivers"][:2]]
        grid.add_row(
            what,
            f"{line['p_return']:.2f}\n({line['p_low']:.2f} to {line['p_high']:.2f})",
            f"{reason.replace('_', ' ')} {chance:.2f}",
            "\n".join(moved),
            "\n".join(each["text"] for each in line["suggestions"][:1]),
        )
    console.print(grid)
    cost = answer["expected_cost"]
    console.print(
        f"expected cost {_money(cost['amount'], cost['currency'])}; action"
        f" {answer['action'].replace('_', ' ')}: {answer['action_reason']['text']}\n",
        markup=False,
        soft_wrap=True,
    )


def _show_claim(console: Console, question: DemoQuestion, answer: Mapping[str, Any]) -> None:
    grid = Grid("option", "amount", "expected cost", "rule", expand=True, show_lines=True)
    grid.title = f"{question.request['reason'].replace('_', ' ')}: claim of {question.who}"
    for column, share in zip(grid.columns, (3, 2, 2, 6), strict=True):
        column.ratio = share
    for option in answer["options"]:
        how = "allowed" if option["allowed"] else "not allowed"
        if option["option"] == answer["recommended"]:
            how = "recommended"
        cost = option["expected_cost"]
        grid.add_row(
            f"{option['option'].replace('_', ' ')}\n({how})",
            _money(option["amount"], option["currency"]),
            _money(cost["total"], option["currency"]) if cost else "-",
            option["rule"]["text"],
        )
    console.print(grid)
    abuse = answer["abuse"]
    score = f"score {abuse['score']:.2f} ({abuse['band']}); " if abuse else ""
    console.print(
        f"{score}route {answer['route'].replace('_', ' ')}\nto the customer:"
        f" {answer['customer_message']}",
        markup=False,
        soft_wrap=True,
    )


def _money(amount: float | None, currency: str | None) -> str:
    return "-" if amount is None else f"{amount:,.2f} {currency or ''}".rstrip()
