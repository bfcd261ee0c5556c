import orjson
import pytest

from features.abuse_space import AbuseSpace
from features.event_log import NewEvent, SqliteEventLog
from features.live.filling import model_states
from features.live.fold import Fold
from features.live.tables import last_moment, tables_of, to_events
from features.return_risk_space import ReturnRiskSpace
from features.state import SqliteState, StateError, state_key
from pipelines.check_state import Difference, check_state
from pipelines.materialize import materialize, source_of
from pipelines.simulate import simulate

DAY_US = 86_400_000_000


@pytest.fixture(scope="module")
def shop():
    """A shop's tables up to a moment, what happened after it, and the spaces."""
    tables = simulate(300, seed=3).tables
    spaces = {
        "return_risk": (ReturnRiskSpace().fit(tables), "4"),
        "abuse": (AbuseSpace().fit(tables), "2"),
    }
    events = sorted(to_events(tables), key=lambda each: each.at)
    moment = events[int(len(events) * 0.9)].at
    then = tables_of([each for each in events if each.at <= moment])
    return tables, then, [each for each in events if each.at > moment], spaces


@pytest.fixture
def live(shop, tmp_path):
    """A state that was filled and then followed what happened."""
    _, then, since, spaces = shop
    url, log = str(tmp_path / "state.db"), SqliteEventLog(tmp_path / "events.db")
    materialize(then, spaces, url)
    log.append([NewEvent(e.event_id, e.kind, e.at, orjson.dumps(e.row)) for e in since])
    models = model_states({name: space for name, (space, _) in spaces.items()})
    with SqliteState(url) as state, log:
        fold = Fold(state, log, models, horizon_us=DAY_US)
        while fold.step().events:
            pass
        yield state, log


def test_a_state_that_followed_the_events_is_what_tables_and_log_say(shop, live):
    state, log = live
    checked = check_state(state, shop[1], shop[3], log)
    assert checked.differences == ()
    assert checked.compared == checked.keys > 1_000
    assert checked.late == 0


def test_every_key_that_differs_is_named(shop, live):
    state, log = live
    account = next(k for k in state.all_keys() if k.startswith(state_key("abuse", "account", "")))
    gone = next(k for k in state.all_keys() if k.startswith("order_line"))
    state.put_many([(account, b"\0" * 8), ("stray", b"1")], {}, delete=[gone])
    checked = check_state(state, shop[1], shop[3], log)
    assert set(checked.differences) == {
        Difference(tuple(account.split("\x1f")), "differs"),
        Difference(tuple(gone.split("\x1f")), "missing"),
        Difference(("stray",), "unexpected"),
    }


def test_a_sample_is_drawn_by_its_seed(shop, live):
    state, log = live
    gone = [key for key in state.all_keys() if key.startswith("order_line")]
    state.put_many([], {}, delete=gone)
    draws = [check_state(state, shop[1], shop[3], log, sample=200, seed=seed) for seed in (1, 1, 2)]
    assert [each.compared for each in draws] == [200] * 3
    assert draws[0] == draws[1] != draws[2]
    assert 0 < len(draws[0].differences) < len(gone)


def test_a_state_of_other_models_is_not_compared(shop, live):
    state, log = live
    spaces = {**shop[3], "abuse": (AbuseSpace(), "3")}
    with pytest.raises(StateError, match=r"abuse version 2 .*version 3; run muslin materialize"):
        check_state(state, shop[1], spaces, log)
    state.replace([], {})
    with pytest.raises(StateError, match="older release; run muslin materialize"):
        check_state(state, shop[1], shop[3], log)


def test_a_filling_leaves_to_the_fold_what_may_still_come_out_of_order(shop, live):
    _, log = live
    _, then, since, _ = shop
    newest = max(each.at for each in since)
    source = source_of(then, log, horizon_us=DAY_US)
    assert source.until == max(newest - DAY_US, last_moment(then))
    assert source.filled == log.last()
    assert all(each.at > source.until for each in log.read(source.seq, 1))
    told = {each.event_id for each in to_events(source.tables) if each.at > last_moment(then)}
    assert told == {each.event_id for each in since if each.at <= source.until}
    assert source_of(then).tables is then
