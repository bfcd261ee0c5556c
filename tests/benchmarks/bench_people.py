"""Size advice across systems, bodies and wearers, on simulated shops with known truth.

    python -m tests.benchmarks.bench_people [--lines N] [--seeds 7,8] [--variants usual,...]
                                            [--only cross,babies,coverage,people]

Every shop is split by time, its newest tenth held out and back-tested; all figures are against the
truly best size of the true wearer. The shops are simulated: what they show is how the advice holds
up against a truth made of known assumptions. Figures of several seeds are pooled.

``cross``     labels in a system the market does not read, or the shopper never bought in, against
              the others; ``like for like`` compares within each size system
``babies``    children named in the order and known by their birth date alone, or also by one size
              kept before
``coverage``  how often the size set holds the best size (and the ordered size where it fitted)
``people``    accounts of several people that name no wearer against accounts of one; ``split`` is
              the same orders with an account for each person

Hits: ``likeliest`` of the likeliest size of every line, where the back-test tells it; ``advice`` of
the recommended size, among lines with one; ``own`` of the shopper's own choice; ``followed`` of the
advice where there is one, of the own choice elsewhere; ``knowable`` (babies) of what is best for
most children of that age when every product's true cut is known.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Sequence

import numpy as np
import pandas as pd
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from tests.benchmarks.children import children_asked, knowable, only_known_by
from tests.benchmarks.shops import VARIANTS, Case, case, one_account_each, predicted, unnamed

PARTS = ("cross", "babies", "coverage", "people")
#: The issue's bars are for groups of so many lines.
LEAST = 500
_DRAWS = 200


def hits(rows: pd.DataFrame) -> dict[str, float]:
    """Figures of a group of lines, see the module; NaN where there is nothing to say."""
    out = {"n": float(len(rows)), "advised": rows["advised"].mean()}
    if "likeliest_hit" in rows:
        out["likeliest"] = rows["likeliest_hit"].mean()
    given = rows[rows["advised"]]
    if "knowable" in rows:
        out["knowable"] = rows["knowable"].mean()
    return out | {
        "advice": given["advice_hit"].mean(),
        "own, advised": given["own_hit"].mean(),
        "own": rows["own_hit"].mean(),
        "followed": rows["followed_hit"].mean(),
    }


def table_of(groups: Iterable[tuple[str, pd.DataFrame]]) -> pd.DataFrame:
    """`hits` by group."""
    return pd.DataFrame({name: hits(rows) for name, rows in groups}).T


def cross(rows: pd.DataFrame) -> pd.DataFrame:
    """Hits on lines whose label is in a foreign system against the others."""
    rows = rows[~rows["second_size"]]
    again = rows[rows["worn_before"]]
    abroad = {"at home": rows[~rows["abroad"]], "foreign to the market": rows[rows["abroad"]]}
    never = ~again["system_before"]
    new = {"system bought before": again[~never], "new system to the shopper": again[never]}
    both = {"foreign and new": again[never & again["abroad"]]}
    out = table_of([*abroad.items(), *new.items(), *both.items()])
    out.loc["like for like: foreign minus home"] = _within(rows, rows["abroad"])
    out.loc["like for like: new minus bought"] = _within(again, never)
    return out


def _within(rows: pd.DataFrame, foreign: pd.Series) -> dict[str, float]:
    """Foreign minus home within audience and size system, weighted by foreign lines."""
    found = []
    for _, group in rows.groupby(["audience", "size_system"]):
        at = foreign.loc[group.index]
        if at.sum() and (~at).sum():
            there, here = hits(group[at]), hits(group[~at])
            found.append({k: there[k] - here[k] for k in here} | {"n": there["n"]})
    if not found:
        return {"n": 0.0}
    gaps = pd.DataFrame(found)
    figures = gaps.drop(columns="n").mul(gaps["n"], axis=0).sum() / gaps["n"].sum()
    return {"n": gaps["n"].sum(), **figures.to_dict()}


def coverage(rows: pd.DataFrame, least: int = LEAST) -> pd.DataFrame:
    """Coverage of the size set by audience, market and what is known; worst groups first."""
    known = np.where(rows["measured"], "measured", "not measured")
    named = np.where(rows["named"].notna(), "named", "unnamed")
    groups = {
        "all": pd.Series("all", index=rows.index),
        "audience": rows["audience"],
        "market": rows["market"],
        "measured": pd.Series(known, index=rows.index),
        "audience, measured": rows["audience"] + ", " + known,
        "audience, named": rows["audience"] + ", " + named,
        "market, measured": rows["market"] + ", " + known,
        "kind": rows["garment"] + ", " + rows["audience"],
    }
    found = {}
    for by, label in groups.items():
        for name, group in rows.groupby(label):
            if len(group) >= least:
                fitted = group[group["fit"] == "fit"]
                found[f"{by}: {name}"] = {
                    "n": len(group),
                    "best in set": group["best_in_set"].mean(),
                    "fitted in set": fitted["ordered_in_set"].mean(),
                    "sizes in set": group["set_size"].mean(),
                }
    out = pd.DataFrame(found).T
    out["off"] = (out["best in set"] - 0.9).abs()
    return out.sort_values("off", ascending=False)


def babies(of: Case) -> pd.DataFrame:
    """Per line of a child's first held-out order: the hit by what is known of the child."""
    asked = children_asked(of)
    blank = asked.assign(kept=None, kept_at=asked["kept_at"].where(asked["kept_at"].isna()))
    once = asked[asked["kept"].notna()]
    alone, kept = (predicted(only_known_by(of, known)) for known in (blank, once))
    alone = alone.loc[alone.index.intersection(asked["order_line_id"])]
    kept = kept.loc[kept.index.intersection(once["order_line_id"])]
    waited = (once["ordered_at"] - once["kept_at"]).dt.days.to_numpy()
    kept["waited"] = pd.Series(waited, index=once["order_line_id"]).reindex(kept.index)
    alone["knowable"] = pd.Series(knowable(of, blank)).reindex(alone.index)
    kept["knowable"] = pd.Series(knowable(of, once)).reindex(kept.index)
    same = alone.loc[kept.index].assign(waited=kept["waited"])
    known = {"birth date only": alone, "and one kept size": kept, "birth date, same lines": same}
    return pd.concat([rows.assign(known=name) for name, rows in known.items()])


def babies_table(rows: pd.DataFrame) -> pd.DataFrame:
    """Hits of `babies` rows, babies and older children apart, shoes apart."""
    groups = []
    for what, given in rows.groupby("known", sort=False):
        baby, shoe = given["audience"].eq("baby"), given["garment"].eq("foot")
        groups += [
            (f"baby: {what}", given[baby]),
            (f"baby clothes: {what}", given[baby & ~shoe]),
            (f"child: {what}", given[~baby]),
            (f"child clothes: {what}", given[~baby & ~shoe]),
            (f"clothes, within half a year: {what}", given[~shoe & (given["waited"] < 183)]),
        ]
    out = table_of(groups)
    return out[out["n"] > 0]


def people(of: Case) -> pd.DataFrame:
    """Held-out lines with no wearer named, and with an account for each person."""
    kept = ["persons", "grown"]
    none = predicted(unnamed(of)).assign(given="no wearer named")
    split = predicted(one_account_each(of)).assign(given="split")
    split[kept] = of.lines.loc[split.index, kept]
    return pd.concat([none, split])


def people_table(rows: pd.DataFrame) -> pd.DataFrame:
    """Gain of the advice by people of the account, with its bootstrap error over accounts."""
    rows = rows[~rows["second_size"]]
    one, two = rows["persons"] == 1, rows["persons"] == 2
    none = rows["given"] == "no wearer named"
    single = rows[one & none]
    groups = {
        "one person": single,
        "two people": rows[two & none],
        "two people, split": rows[two & ~none],
        "two grown-ups": rows[two & none & (rows["grown"] == 2)],
        "two grown-ups, split": rows[two & ~none & (rows["grown"] == 2)],
        "grown-up and child": rows[two & none & (rows["grown"] == 1)],
        "grown-up and child, split": rows[two & ~none & (rows["grown"] == 1)],
        "three and more": rows[none & (rows["persons"] > 2)],
    }
    base, _ = gain(single)
    found = {}
    for name, group in groups.items():
        gained, error = gain(group)
        found[name] = {
            "n": len(group), "gain": gained, "± 1 se": error,
            "of one person": gained / base if base > 0 else np.nan,
            **{k: v for k, v in hits(group).items() if k != "n"},
        }  # fmt: skip
    return pd.DataFrame(found).T


def gain(rows: pd.DataFrame) -> tuple[float, float]:
    """Way from own choices (0) to best sizes (1) gained by following the advice; its error."""
    sums = pd.DataFrame(
        {"won": rows["advice_fit"] - rows["p_fit"], "room": rows["p_fit_best"] - rows["p_fit"]}
    )
    account = rows["customer_id"].str.split("-").str[0]
    sums = sums.groupby(account.to_numpy()).sum().to_numpy()
    if not len(sums):
        return np.nan, np.nan
    draw = np.random.default_rng(0).integers(0, len(sums), (_DRAWS, len(sums)))
    again = sums[draw].sum(axis=1)
    won, room = sums.sum(axis=0)
    return float(won / room), float((again[:, 0] / again[:, 1]).std())


def judge(
    variant: str, lines: int, seeds: Sequence[int], only: Iterable[str] = PARTS
) -> dict[str, pd.DataFrame]:
    """The tables of a variant, its seeds pooled.

    Parameters
    ----------
    variant
        One of `VARIANTS`.
    lines
        Order lines of each shop.
    seeds
        One shop each.
    only
        Some of `PARTS`; ``cross`` and ``coverage`` share one back-test, ``people`` and
        ``babies`` take two each.
    """
    wanted = set(only)
    raw: dict[str, list[pd.DataFrame]] = {"plain": [], "babies": [], "people": []}
    for seed in seeds:
        of = case(variant, lines, seed)
        if wanted & {"cross", "coverage"}:
            raw["plain"].append(predicted(of))
        if "babies" in wanted and len(children_asked(of)):
            raw["babies"].append(babies(of))
        if "people" in wanted:
            raw["people"].append(people(of))
    # Ids are of their shop: the pooled rows need none.
    pooled = {name: pd.concat(rows, ignore_index=True) for name, rows in raw.items() if rows}
    show: dict[str, tuple[str, Callable[[pd.DataFrame], pd.DataFrame]]] = {
        "cross": ("plain", cross),
        "babies": ("babies", babies_table),
        "coverage": ("plain", coverage),
        "people": ("people", people_table),
    }
    return {
        part: make(pooled[source])
        for part, (source, make) in show.items()
        if part in wanted and source in pooled
    }


def printable(title: str, frame: pd.DataFrame) -> Table:
    """A frame as a table for the terminal."""
    table = Table("", *frame.columns, title=title, title_justify="left", box=SIMPLE)
    for name, row in frame.iterrows():
        cells = [f"{v:,.0f}" if k == "n" else f"{v:.3f}" for k, v in row.items()]
        table.add_row(str(name), *("" if cell == "nan" else cell for cell in cells))
    return table


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--lines", type=int, default=60_000)
    parser.add_argument("--seeds", default="7,8")
    parser.add_argument("--variants", "--variant", default=",".join(VARIANTS))
    parser.add_argument("--only", default=",".join(PARTS))
    given = parser.parse_args()
    console = Console(width=140)
    seeds = [int(seed) for seed in given.seeds.split(",")]
    for variant in given.variants.split(","):
        console.rule(f"{variant}, {given.lines:,} lines, seeds {given.seeds}")
        for part, frame in judge(variant, given.lines, seeds, given.only.split(",")).items():
            console.print(printable(part, frame))


if __name__ == "__main__":
    main()
