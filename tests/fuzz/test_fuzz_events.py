"""Whatever the service takes as an event, the follower folds: no event stops those behind it."""

import copy
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.abuse_space import AbuseSpace
from features.event_log import SqliteEventLog
from features.live.filling import model_states
from features.live.fold import Fold
from features.live.windows import first_meta
from features.return_risk_space import ReturnRiskSpace
from features.settings import Settings
from features.size_fit_space import SizeFitSpace
from features.state import SqliteState
from pipelines.simulate import simulate
from serving.app import MuslinApp
from serving.events.schemas import EVENTS
from tests.fuzz.effort import lean
from tests.serving.answering import use_events
from tests.serving.asgi import ask

SOUND = [
    event
    for example in EVENTS.examples
    for event in (example.value if isinstance(example.value, list) else [example.value])
]
HORIZON_US = 30 * 86_400_000_000
IDS = st.sampled_from(["a", "b", "0", "self", "x\x1e", "é" * 200, "1" * 256])
TIMES = st.sampled_from(
    ["0001-01-01T00:00:00Z", "1970-01-01T00:00:00Z", "2024-02-29T23:59:59.999999+14:00",
     "2025-01-01T00:00:00Z", "2025-01-01T00:00:01Z", "2025-06-01T12:00:00-11:30"]
)  # fmt: skip
NUMBERS = st.sampled_from([0, 0.0, 1, 5e-324, 1e-9, 0.01, 1e6, 1e12, 1e308, 2**31, -1])
TEXTS = st.text(max_size=12) | st.sampled_from(["M", "42", "80EE", "W32/L34", "", "DE", "\u2028"])
NUMBER_OF = itertools.count()


@pytest.fixture(scope="module")
def models():
    tables = simulate(300, seed=7).tables
    return model_states(
        {
            "size_fit": SizeFitSpace().fit(tables),
            "return_risk": ReturnRiskSpace().fit(tables),
            "abuse": AbuseSpace().fit(tables),
        }
    )


@st.composite
def told(draw):
    """Documented events with ids that refer to each other, and values at the ends of what is."""
    events = []
    for _ in range(draw(st.integers(4, 12))):
        event = copy.deepcopy(draw(st.sampled_from(SOUND)))
        event["event_id"] = f"e{next(NUMBER_OF)}"
        data = event["data"]
        for name in list(data):
            value, change = data[name], draw(st.integers(0, 3))
            if change == 0 and isinstance(value, str) and name.endswith("_id"):
                data[name] = draw(IDS)
            elif change == 1 and isinstance(value, str) and value[:4].isdigit() and "-" in value:
                data[name] = draw(TIMES)
            elif change == 2 and isinstance(value, int | float) and not isinstance(value, bool):
                data[name] = draw(NUMBERS)
            elif change == 3 and isinstance(value, str) and not name.endswith(("_id", "_at")):
                data[name] = draw(TEXTS)
        events.append(event)
    return events


@lean(3)  # a fold takes a second, whatever it folds
@given(events=told())
def test_what_is_taken_is_folded(tmp_path_factory, models, events):
    folder = tmp_path_factory.mktemp("told")
    app = MuslinApp(Settings(events_url=str(folder / "events.db"), follow=False))
    writer = use_events(app, lambda: SqliteEventLog(app.settings.events_url))
    taken = 0
    for event in events:  # one by one: one that is refused takes no other with it
        answer = ask(app, EVENTS.path, event)
        assert answer.status in (202, 422), answer.body
        taken += answer.status == 202
    writer.close()
    state, log = SqliteState(folder / "state.db"), SqliteEventLog(folder / "events.db")
    state.replace([], first_meta(0))
    fold = Fold(state, log, models, horizon_us=HORIZON_US)
    folded = 0
    while (done := fold.step()).events:
        folded += done.events
    assert folded == taken
    state.close()
    log.close()
