"""The part of the page about return claims: who is flagged, and which way claims go."""

from __future__ import annotations

from pipelines.monitor.cells import percent, spread, table
from pipelines.monitor.charts import Bar, bars
from pipelines.monitor.report import Claims, Routes

__all__ = ["claims_section", "routes_section"]


def claims_section(claims: Claims | None) -> str:
    """Whom the abuse score flags; empty for other models."""
    if claims is None:
        return ""
    told = (
        ("all claims", claims.claims, claims.flagged, claims.trained_flagged),
        (
            "of honest heavy returners",
            claims.honest_claims,
            claims.honest_flagged,
            claims.trained_honest_flagged,
        ),
        (
            "of those, whom a person found legitimate",
            claims.cleared_claims,
            claims.cleared_flagged,
            None,
        ),
    )
    chart = bars(
        [
            Bar(name, f"{share.value:.1%}", share.value, share.low, share.high, then)
            for name, _, share, then in told
            if share is not None
        ],
        "Share of claims flagged as abuse",
    )
    rows = [
        ("fine", name, f"{count:,}", spread(share, ".1%"), percent(then))
        for name, count, share, then in told
    ]
    return (
        "<h3>Claims flagged as abuse</h3><p class='soft'>Band high or above, by the policy of the"
        " claim's market. Honest heavy returners: accounts in the top tenth of claims without any"
        f" decision of abuse, of {claims.decided:,} decisions on record; their share is the"
        f" false-positive rate.</p>{chart}"
        f"{table(('claims', '#count', '#flagged', '#in training'), rows)}"
    )


def routes_section(routes: Routes | None) -> str:
    """Which way claims went; empty where none was answered."""
    if routes is None or not (routes.shares or routes.trained_shares):
        return ""
    names = list(dict.fromkeys([*routes.shares, *routes.trained_shares]))
    chart = bars(
        [
            Bar(name, f"{share.value:.1%}", share.value, share.low, share.high,
                routes.trained_shares.get(name))
            for name, share in routes.shares.items()
        ],
        "Share of each route of return reviews",
    )  # fmt: skip
    rows = [
        (
            "fine",
            name,
            spread(routes.shares.get(name), ".1%"),
            percent(routes.trained_shares.get(name)),
        )
        for name in names
    ]
    return (
        f"<h3>Routes of return reviews</h3><p class='soft'>{routes.reviews:,} reviews answered,"
        f" {routes.trained_reviews:,} before the training ended.</p>{chart}"
        f"{table(('route', '#share', '#before'), rows)}"
    )
