"""A small trained shop served by a real process, for the requests that schemathesis makes up."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from features.settings import Settings
from pipelines.fit_abuse import fit_abuse
from pipelines.fit_return_risk import fit_return_risk
from pipelines.fit_size import fit_size_fit
from pipelines.materialize import materialize
from pipelines.simulate import simulate
from serving import champion
from serving.run import background, free_port

_SMALL = {"n_estimators": 8, "num_threads": 1}


def train(folder: Path) -> Settings:
    """Three small models on a simulated shop, adopted as champions, with their state filled."""
    settings = Settings.load(
        tracking_uri=f"sqlite:///{folder}/mlflow.db",
        state_url=str(folder / "state.db"),
        champion_dir=folder / "champion",
        events_url=str(folder / "events.db"),
        audit_url=str(folder / "audit.db"),
        keys_url=str(folder / "keys.db"),
        shadow_log=folder / "shadow.jsonl",
        champion_poll_s=0,
        follow=False,
        port=free_port(),
    )
    tables = simulate(600, seed=5).tables
    sizes, size_fit, _ = fit_size_fit(
        tables, params={**_SMALL, "members": 1, "min_child_samples": 20}
    )
    risks = fit_return_risk(tables, params=_SMALL)
    claims, abuse, _ = fit_abuse(tables, params=_SMALL)
    spaces = {"size_fit": sizes, "return_risk": risks.space, "abuse": claims}
    for name, parts in (
        ("size_fit", (size_fit, sizes)),
        ("return_risk", (risks,)),
        ("abuse", (abuse, claims)),
    ):
        (folder / name).mkdir(parents=True)
        for part in parts:
            part.save(folder / name)
        champion.adopt(settings, name, "1", folder / name)
    materialize(tables, {name: (each, "1") for name, each in spaces.items()}, settings.state_url)
    return settings


@contextlib.contextmanager
def served(folder: Path) -> Iterator[str]:
    """Serve such a shop while the block runs; yields its address."""
    with background(train(folder)) as url:
        yield url
