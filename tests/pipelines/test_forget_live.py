"""A customer of a shop that is followed live: gone from everywhere, and all else still adds up."""

import json
from dataclasses import replace
from pathlib import Path

import orjson
import pytest

from data_contracts.errors import BadInputError
from features.abuse_space import AbuseSpace
from features.event_log import NewEvent, SqliteEventLog
from features.live.filling import model_states
from features.live.fold import Fold
from features.live.tables import tables_of, to_events
from features.live.windows import position
from features.settings import Settings
from features.stores import open_event_log, open_state
from pipelines.check_state import check_state
from pipelines.forget import forget
from pipelines.materialize import materialize
from pipelines.simulate import simulate

DAY_US = 86_400_000_000
HORIZON_DAYS = 30


@pytest.fixture(scope="module")
def shop():
    """Tables up to a moment, what happened after it in the order of arrival, and the spaces."""
    tables = simulate(200, seed=3).tables
    spaces = {"abuse": (AbuseSpace().fit(tables), "2")}
    events = sorted(to_events(tables), key=lambda each: each.at)
    moment = events[int(len(events) * 0.7)].at
    then = tables_of([each for each in events if each.at <= moment])
    return tables, then, [each for each in events if each.at > moment], spaces


def without(tables, customer):
    """The tables as the shop keeps them once the customer is removed."""
    lines = tables["order_lines"]
    lines = lines[lines["customer_id"] == customer]["order_line_id"]
    returns = tables["returns"]
    claims = returns[returns["order_line_id"].isin(lines)]["return_id"]
    names = {"customer_id": [customer], "order_line_id": set(lines), "return_id": set(claims)}
    kept = dict(tables)
    for name, frame in tables.items():
        for column in names.keys() & set(frame):
            kept[name] = kept[name][~kept[name][column].isin(names[column])]
    return {name: frame.reset_index(drop=True) for name, frame in kept.items()}


def ids_of(tables, customer):
    """Every id that leads to the customer."""
    of = tables["order_lines"][tables["order_lines"]["customer_id"] == customer]
    claims = tables["returns"][tables["returns"]["order_line_id"].isin(of["order_line_id"])]
    return {customer, *of["order_line_id"], *of["order_id"], *claims["return_id"]}


@pytest.fixture(scope="module")
def somebody(shop):
    """A customer who bought before and since, and has returned of both."""
    _, then, since, _ = shop
    bought = set(then["order_lines"]["customer_id"])
    of_line = then["order_lines"].set_index("order_line_id")["customer_id"].to_dict()
    later = {}
    for event in since:
        if event.kind == "order_line":
            of_line[event.row["order_line_id"]] = event.row["customer_id"]
            later.setdefault(event.row["customer_id"], set()).add(event.row["order_line_id"])
    claimed = [e.row["order_line_id"] for e in since if e.kind == "return"]
    return next(
        of_line[line]
        for line in claimed
        if of_line[line] in bought and line in later.get(of_line[line], ())
    )


@pytest.fixture(params=["files", "servers"])
def settings(request, tmp_path):
    if request.param == "files":
        places = {"state_url": tmp_path / "state.db", "events_url": tmp_path / "events.db"}
    else:
        places = {
            "state_url": request.getfixturevalue("redis_state_url"),
            "events_url": request.getfixturevalue("postgres_log_url"),
        }
    return Settings(
        **{name: str(place) for name, place in places.items()},
        audit_url=str(tmp_path / "audit.db"),
        tracking_uri=f"sqlite:///{tmp_path}/mlflow.db",
        horizon_hours=24 * HORIZON_DAYS,
    )


@pytest.fixture
def live(shop, settings):
    """The state as it was filled and then followed, in several windows."""
    _, then, since, spaces = shop
    materialize(then, spaces, settings.state_url)
    with open_event_log(settings.events_url) as log, open_state(settings.state_url) as state:
        fold = fold_of(shop, settings, state, log)
        for start in range(0, len(since), len(since) // 3):
            tell(log, since[start : start + len(since) // 3])
            fold.step()
        fold.advance(since[-1].at + 3 * DAY_US)
        yield state, log


def fold_of(shop, settings, state, log):
    models = model_states({name: space for name, (space, _) in shop[3].items()})
    return Fold(state, log, models, horizon_us=int(settings.horizon_hours * 3_600_000_000))


def tell(log, events):
    log.append([NewEvent(e.event_id, e.kind, e.at, orjson.dumps(e.row)) for e in events])


def all_of(state, log):
    """Every byte of both, undo windows and what is said of them as well."""
    values = state.get_many(list(state.all_keys()))
    told = json.dumps(state.meta()).encode()
    return b"\n".join([told, *(k.encode() + v for k, v in values.items())]), b"\n".join(
        each.body + each.event_id.encode() for each in log.read(0, 10**6)
    )


def test_nothing_is_left_and_the_state_is_that_of_a_shop_without_the_customer(
    shop, settings, live, somebody
):
    tables, then, since, spaces = shop
    state, log = live
    ids = ids_of(tables, somebody)
    stands = position(state.meta())
    seen = all_of(state, log)
    assert all(any(each.encode() in part for part in seen) for each in ids)
    assert any(key.startswith("live\x1fundo") for key in state.all_keys())
    # Whatever engine counts the histories of tables, the fold has its own.
    engine = "pandas" if "://" in settings.state_url else "duckdb"
    champions = {name: (replace(space, engine=engine), v) for name, (space, v) in spaces.items()}
    report = forget(somebody, settings, lambda: champions)
    assert report.not_counted is None
    assert report.state["live"] > 0
    assert report.events == sum(
        not ids.isdisjoint(str(value) for value in event.row.values()) for event in since
    )
    for part in all_of(state, log):
        assert not [each for each in ids if each.encode() in part]
    checked = check_state(state, without(then, somebody), spaces, log)
    assert checked.differences == ()
    assert checked.keys > 500
    after = position(state.meta())
    assert (after.until, after.late) == (stands.until, stands.late)

    # The shop goes on: words out of order, and one on a line nobody knows any more.
    fold = fold_of(shop, settings, state, log)
    line = next(
        e for e in reversed(since) if e.kind == "order_line" and e.row["customer_id"] != somebody
    )
    late = replace(line, event_id="late", row=line.row | {"order_line_id": "new", "order_id": "o"})
    gone = next(each for each in since if each.kind == "delivery" and line_of(each) in ids)
    tell(log, [late, replace(gone, event_id="gone", at=since[-1].at)])
    applied = fold.step()
    assert (applied.late, applied.unknown) == (0, ("gone",))
    fold.advance(stands.until + 90 * DAY_US)
    assert check_state(state, without(then, somebody), spaces, log).differences == ()
    assert forget(somebody, settings, lambda: spaces).found is False


@pytest.mark.parametrize("settings", ["files"], indirect=True)
def test_without_a_log_what_was_folded_is_kept(shop, settings, live, somebody):
    """It cannot be folded again: the sums are those of the records as they are."""
    tables, _, since, spaces = shop
    state, log = live
    stands = position(state.meta())
    log.close()
    Path(settings.events_url).unlink()
    report = forget(somebody, settings, lambda: spaces)
    assert (report.events, report.not_counted) == (None, None)
    assert position(state.meta()) == stands
    before = without(tables, somebody)
    lines = set(before["order_lines"]["order_line_id"])
    assert any(e.kind == "order_line" and line_of(e) in lines for e in since)
    left = [key.split("\x1f")[1] for key in state.all_keys() if key.startswith("order_line")]
    assert set(left) == lines
    with open_event_log(settings.events_url) as empty:
        happened = tables_of([e for e in to_events(before) if e.at <= stands.until])
        assert check_state(state, happened, spaces, empty).differences == ()


@pytest.mark.parametrize("settings", ["files"], indirect=True)
def test_what_a_follower_folds_while_the_log_is_cleaned_is_found(shop, settings, live, monkeypatch):
    _, then, since, spaces = shop
    state, log = live
    now = position(state.meta()).until + 1
    line = next(e for e in reversed(since) if e.kind == "order_line")
    ids = {"order_line_id": "LINE-X", "order_id": "ORDER-X", "customer_id": "newcomer"}
    order = replace(line, event_id="x", at=now, row=line.row | ids | {"ordered_at": now})
    claim = next(e for e in since if e.kind == "return")
    of_claim = {"return_id": "CLAIM-X", "order_line_id": "LINE-X", "requested_at": now + 1}
    claimed = replace(claim, event_id="xr", at=now + 1, row=claim.row | of_claim)
    clean = SqliteEventLog.forget_customer

    def meanwhile(*given, **named):
        fold_of(shop, settings, state, log).step()
        return clean(*given, **named)

    tell(log, [order, claimed])
    monkeypatch.setattr(SqliteEventLog, "forget_customer", meanwhile)
    report = forget("newcomer", settings, lambda: spaces)
    assert (report.events, report.not_counted) == (2, None)
    for part in all_of(state, log):
        assert not [
            each for each in ("newcomer", "LINE-X", "ORDER-X", "CLAIM-X") if each.encode() in part
        ]
    assert check_state(state, then, spaces, log).differences == ()


@pytest.mark.parametrize("settings", ["files"], indirect=True)
def test_a_guest_whose_line_was_corrected_is_forgotten_without_the_line(
    shop, settings, live, somebody
):
    """The line, its delivery and its claims stand with the account it was put on."""
    _, then, since, spaces = shop
    state, log = live
    claim = next(
        e for e in since if e.kind == "return" and ordered(since, e).get("customer_id") == somebody
    )
    key = f"order_line\x1f{line_of(claim)}"
    word = next(e for e in since if e.kind == "order_line" and line_of(e) == line_of(claim))
    first = replace(word, event_id="!first", row=word.row | {"customer_id": "guest-7"})
    tell(log, [first])
    fold_of(shop, settings, state, log).step()
    before = json.loads(state.get_many([key])[key])
    assert before["customer_id"] == somebody
    assert before["claims"]
    assert forget("guest-7", settings, lambda: spaces).events == 1
    assert json.loads(state.get_many([key])[key]) == before

    tell(log, [first])
    fold_of(shop, settings, state, log).step()
    forget(somebody, settings, lambda: spaces)
    assert not state.get_many([key])
    assert check_state(state, without(then, somebody), spaces, log).differences == ()
    for part in all_of(state, log):
        assert line_of(claim).encode() not in part


def ordered(events, about):
    """What was told of the line of an event."""
    found = [e.row for e in events if e.kind == "order_line" and line_of(e) == line_of(about)]
    return found[0] if found else {}


def line_of(event):
    return event.row["order_line_id"]


def no_champions():
    raise BadInputError("no model has a champion")


@pytest.mark.parametrize("settings", ["files"], indirect=True)
def test_without_champions_every_key_goes_and_the_sums_are_said_to_stay(
    shop, settings, live, somebody
):
    tables, then, since, spaces = shop
    state, log = live
    ids = ids_of(tables, somebody)
    report = forget(somebody, settings, no_champions)
    assert "no model has a champion" in report.not_counted
    assert "still count the customer (no model has a champion)" in " ".join(report.lines())
    for part in all_of(state, log):
        assert not [each for each in ids if each.encode() in part]
    wrong = check_state(state, without(then, somebody), spaces, log).differences
    assert wrong
    assert {each.what for each in wrong} <= {"differs", "unexpected"}

    fold = fold_of(shop, settings, state, log)
    gone = next(each for each in since if each.kind == "delivery" and line_of(each) in ids)
    now = position(state.meta()).until + DAY_US
    tell(log, [replace(gone, event_id="gone", at=now)])
    assert fold.step().unknown == ("gone",)
    fold.advance(now + 90 * DAY_US)  # nobody waits for the windows of the lines
    orders = [k for k in state.all_keys() if k.startswith("order_line")]
    somebody_else = json.loads(state.get_many(orders[:1])[orders[0]])["customer_id"]
    other = {"abuse": (AbuseSpace(), "3")}
    assert "another abuse" in forget(somebody_else, settings, lambda: other).not_counted
