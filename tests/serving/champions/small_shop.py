"""A shop with three versions of one model: trained once, then told apart by hand."""

import json
import shutil
from dataclasses import dataclass, field
from pathlib import Path

from features.settings import Settings
from features.size_fit_space import SizeFitSpace
from models.size_fit import SizeFit
from pipelines.golden import keep_golden
from pipelines.jobs import job_of
from pipelines.online import materialize_champions
from pipelines.simulate import simulate
from pipelines.tracking import Registry

FIGURES = {"mean_auc": 0.7, "log_loss": 0.5, "gap_small": 0.0, "gap_fit": 0.0, "gap_large": 0.0}


@dataclass
class SmallShop:
    """Versions 1 and 3 are of one feature space, 2 is of another."""

    settings: Settings
    tables: dict
    folders: dict[int, Path]
    products: list[str] = field(default_factory=list)

    def registry(self):
        return Registry(self.settings)

    def fill(self):
        return materialize_champions(self.tables, self.registry(), self.settings)


def small_shop(folder: Path, settings: Settings) -> SmallShop:
    tables = simulate(150, 7).tables
    job = job_of("size_fit")
    fitted = job.fit(tables, {"n_estimators": 5, "members": 1, "num_threads": 1})
    folders = {number: folder / f"v{number}" for number in (1, 2, 3)}
    for number, path in folders.items():
        path.mkdir()
        fitted.save(path)
        if number == 2:
            space = SizeFitSpace.load(path)
            space.base_ = space.base_ * 1.5
            space.save(path)
        if number == 3:
            told = json.loads((path / "model.json").read_text())
            told["lean"] = [each + 1.0 for each in told["lean"]]
            (path / "model.json").write_text(json.dumps(told))
            SizeFit.load(path)
        assert keep_golden(job, path, tables) is None
    shop = SmallShop(settings, tables, folders)
    shop.products = tables["product_sizes"]["product_id"].unique().tolist()[:20]
    return shop


def register(shop: SmallShop) -> None:
    registry = shop.registry()
    for path in shop.folders.values():
        registry.register(
            "size_fit", path, features=["gap"], outputs=["p"], params={}, metrics=FIGURES,
            tags={"folds": "same"},
        )  # fmt: skip


def spoilt(folder: Path, target: Path) -> Path:
    """A model whose golden answers were recorded of another."""
    shutil.copytree(folder, target)
    file = target / "golden.json"
    told = json.loads(file.read_text())
    sizes = told["requests"][0]["answer"]["sizes"]
    for shares in sizes.values():
        shares.reverse()
    file.write_text(json.dumps(told))
    return target
