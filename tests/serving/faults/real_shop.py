"""A small shop with real models, and the real service as a process, for tests that break things."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import httpx
import pandas as pd
import psutil

from features.settings import Settings
from features.state import SqliteState
from features.stores import open_state
from pipelines.fit_abuse import fit_abuse
from pipelines.fit_return_risk import fit_return_risk
from pipelines.fit_size import fit_size_fit
from pipelines.materialize import materialize
from pipelines.simulate import simulate
from serving import champion

SIZE, RISK, REVIEW = "/v1/size-advice", "/v1/return-risk", "/v1/return-review"
EVENTS = "/v1/events"
VERSION = "1"
_SMALL = {"n_estimators": 8, "num_threads": 1}


@dataclass
class RealShop:
    """Tables, feature spaces and folders of models by name."""

    tables: dict[str, pd.DataFrame]
    models: dict[str, Path]
    filled: Path

    def adopt(self, settings: Settings) -> None:
        for name, folder in self.models.items():
            champion.adopt(settings, name, VERSION, folder)

    def fill(self, url: str) -> None:
        """Put there what was materialised once."""
        with SqliteState(self.filled, readonly=True) as whole, open_state(url) as state:
            state.replace(whole.get_many(list(whole.all_keys())).items(), whole.meta())

    def questions(self) -> dict[str, list[dict]]:
        """Some questions of each kind about what this shop sold, by path."""
        lines = self.tables["order_lines"]
        sized = lines[lines["size_label"].notna()].head(40).to_dict("records")
        by_line = lines.set_index("order_line_id")
        claims = self.tables["returns"].head(20).to_dict("records")
        return {
            SIZE: [
                {"product_id": row["product_id"], "customer_id": row["customer_id"]}
                for row in sized
            ],
            RISK: [
                {
                    "customer_id": row["customer_id"],
                    "lines": [{"product_id": row["product_id"], "size": row["size_label"]}],
                }
                for row in sized
            ],
            REVIEW: [
                {
                    "order_line_id": row["order_line_id"],
                    "customer_id": by_line.at[row["order_line_id"], "customer_id"],
                    "reason": row["reason"],
                }
                for row in claims
            ],
        }


def real_shop(folder: Path) -> RealShop:
    """Train three small models on a simulated shop."""
    tables = simulate(600, seed=5).tables
    models = {name: folder / name for name in ("size_fit", "return_risk", "abuse")}
    for each in models.values():
        each.mkdir(parents=True)
    sizes, size_fit, _ = fit_size_fit(
        tables, params={**_SMALL, "members": 1, "min_child_samples": 20}
    )
    size_fit.save(models["size_fit"])
    sizes.save(models["size_fit"])
    risks = fit_return_risk(tables, params=_SMALL)
    risks.save(models["return_risk"])
    abuse_space, abuse, _ = fit_abuse(tables, params=_SMALL)
    abuse.save(models["abuse"])
    abuse_space.save(models["abuse"])
    spaces = {"size_fit": sizes, "return_risk": risks.space, "abuse": abuse_space}
    filled = folder / "filled.db"
    materialize(tables, {name: (each, VERSION) for name, each in spaces.items()}, str(filled))
    return RealShop(tables, models, filled)


class Service:
    """The whole service, started as ``muslin serve`` starts it; its log is kept."""

    def __init__(self, settings: Settings, log: Path, extra: Mapping[str, str] | None = None):
        self.settings, self.log = settings, log
        with log.open("wb") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "serving.run"],
                env={**os.environ, **settings.environment(), **(extra or {})},
                stdout=out,
                stderr=out,
            )
        self.client = httpx.Client(base_url=f"http://127.0.0.1:{settings.port}", timeout=30)

    def wait_for(self, done, seconds: float = 60.0):
        """Give what `done` gives once it is true."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            assert self.process.poll() is None, self.told()
            with suppress(httpx.TransportError):
                if found := done():
                    return found
            time.sleep(0.05)
        raise AssertionError(f"it did not come about in time; {self.told()[-3000:]}")

    def ready(self) -> dict:
        return self.client.get("/readyz").json()

    def listens(self) -> bool:
        return self.client.get("/livez").status_code == 200

    def ask(self, path: str, body: object) -> httpx.Response:
        return self.client.post(path, json=body)

    def told(self) -> str:
        return self.log.read_text("utf-8", "replace")

    def processes(self) -> list[psutil.Process]:
        with suppress(psutil.NoSuchProcess):
            main = psutil.Process(self.process.pid)
            return [main, *main.children(recursive=True)]
        return []

    def with_word(self, word: str) -> list[psutil.Process]:
        """Those of its processes whose command has this word."""
        found = []
        for each in self.processes():
            with suppress(psutil.NoSuchProcess):
                if any(word in part for part in each.cmdline()):
                    found.append(each)
        return found

    def end(self) -> None:
        self.client.close()
        processes = self.processes()
        self.process.terminate()
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(15)
        for each in processes:
            with suppress(psutil.NoSuchProcess):
                each.kill()
        self.process.wait()
