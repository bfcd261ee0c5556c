"""What happens once before requests: fetch the champion, load it, open the state."""

from __future__ import annotations

import logging

from features.settings import Settings
from features.state import StateError
from serving import champion
from serving.app import MuslinApp, Readiness

__all__ = ["fetch_champions", "start"]

logger = logging.getLogger("muslin.serving")

_SIZE_FIT = "size_fit"


def fetch_champions(settings: Settings) -> None:
    """Ask the registry for the champions; once a start, before the workers."""
    champion.fetch(settings, _SIZE_FIT)


def start(app: MuslinApp) -> None:
    """Give the application its model, or the reason why there is none.

    Parameters
    ----------
    app
        Answers from then on; ``/readyz`` tells the outcome. Nothing is raised: a service that is
        up and says what is missing is easier to mend than one that does not start.
    """
    settings = app.settings
    logger.setLevel(settings.log_level)
    try:
        folder, found = champion.load(settings, _SIZE_FIT)
        # Costs seconds, and is of no use before there is a model.
        from serving.size_advice import (  # noqa: PLC0415
            load_advisor,
        )

        advisor = load_advisor(folder, found.label, settings)
    except champion.ChampionError as error:
        logger.warning("not ready: %s", error)
        app.not_ready(error.reason, error.action)
    except StateError as error:
        logger.warning("not ready: %s", error)
        app.not_ready(str(error), "muslin materialize --data DIR")
    except Exception as error:
        logger.exception("not ready: the champion cannot be used")
        app.not_ready(f"the champion cannot be used: {error}", "muslin train size-fit --data DIR")
    else:
        app.use(advisor, Readiness(ready=True, source=found.source, reason=found.reason))
        logger.info("%s version %s answers (%s)", found.name, found.version, found.source)
