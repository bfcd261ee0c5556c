"""Kill the service a hundred times while events come in, and see whether all of them count once.

    python -m tests.benchmarks.bench_kills [--kills 100] [--minutes 30] [--whole] [--seed 7]

By default worker and follower are forked from a process that has loaded everything, so that a kill
costs a moment and hits them at work; ``--whole`` kills ``muslin serve`` with its main process, each
start of which costs seconds. On loopback, in a folder of its own, and no longer than told.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from features.settings import Settings
from serving.run import free_port
from tests.serving.live_shop import live_shop
from tests.serving.load.kills import ForkedService, WholeService, kill_often


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--minutes", type=float, default=30, help="longest that is killed")
    parser.add_argument("--whole", action="store_true", help="muslin serve, main process and all")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--lines", type=int, default=2_500, help="order lines of the shop")
    given = parser.parse_args()
    if given.kills > 1_000 or given.minutes > 120:
        raise SystemExit("at most 1,000 kills and 120 minutes")
    with tempfile.TemporaryDirectory(prefix="muslin-kills-") as name:
        folder = Path(name)
        settings = Settings(
            state_url=str(folder / "state.db"),
            events_url=str(folder / "events.db"),
            champion_dir=folder / "champion",
            tracking_uri=f"sqlite:///{folder}/mlflow.db",
            audit_url=str(folder / "audit.db"),
            keys_url=str(folder / "keys.db"),
            horizon_hours=24 * 365,
            port=free_port(),
        )
        shop = live_shop(settings, folder, given.lines)
        shop.fill()
        service = (WholeService if given.whole else ForkedService)(settings)
        found = kill_often(shop, service, given.kills, seed=given.seed, minutes=given.minutes)
    kills = ", ".join(f"{name} {count}" for name, count in sorted(found.kills.items()))
    wrong = len(found.lost) + len(found.twice) + len(found.never_sent) + len(found.differences)
    sys.stdout.write(
        f"{found.kills.total()} kills in {found.seconds:.0f} s ({kills})"
        f"{'; cut short by --minutes' if found.cut_short else ''}\n"
        f"{found.acknowledged:,} events acknowledged, {found.repeated:,} requests repeated\n"
        f"{len(found.lost)} lost, {len(found.twice)} in the log twice, {len(found.never_sent)} "
        f"never sent, {found.unfolded} not folded\n"
        f"{len(found.differences)} keys of the state differ from one filled anew\n"
    )
    return 1 if wrong or found.unfolded else 0


if __name__ == "__main__":
    sys.exit(main())
