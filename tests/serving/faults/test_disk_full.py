"""No room on the disk: reads go on, nothing acknowledged is lost, and it mends when there is room.

The service also starts with a registry that hangs and with a damaged copy of a champion.
"""

import resource
import shutil
import subprocess
from contextlib import suppress
from dataclasses import replace

import pytest
from live_shop import as_request, content, same

from faults.real_shop import EVENTS, REVIEW, SIZE, Service
from faults.registries import hanging_registry
from features.audit import SqliteAudit
from features.live.tables import last_moment, to_events
from features.settings import Settings
from features.stores import open_event_log
from serving import champion
from serving.follow import Follower
from serving.run import free_port


@pytest.fixture(scope="module")
def disk(tmp_path_factory):
    """A folder on a small file system of its own; a plain one where none can be mounted."""
    folder = tmp_path_factory.mktemp("disk")
    command = ["mount", "-t", "tmpfs", "-o", "size=48m", "muslin-test", str(folder)]
    mounted = (
        shutil.which("mount") is not None
        and not subprocess.run(command, capture_output=True, check=False).returncode
    )
    yield folder, mounted
    if mounted:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.fixture(scope="module")
def settings(shop, disk, tmp_path_factory):
    folder, _ = disk
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    with hanging_registry() as registry:
        settings = Settings(
            state_url=str(folder / "state.db"),
            events_url=str(folder / "events.db"),
            audit_url=str(folder / "audit.db"),
            tracking_uri=registry,
            registry_timeout_s=1,
            champion_dir=elsewhere / "champion",
            horizon_hours=24 * 365,
            port=free_port(),
        )
        shop.adopt(settings)
        shutil.copy(shop.filled, settings.state_url)
        later = elsewhere / "later"
        shutil.copytree(shop.models["abuse"], later)
        (later / "note.txt").write_text("trained on Tuesday")
        champion.adopt(settings, "abuse", "2", later)
        (newest, _) = champion.load(settings, "abuse")
        (newest / "note.txt").write_text("trained on Wednesday")
        yield settings


@pytest.fixture(scope="module")
def service(settings, tmp_path_factory):
    service = Service(settings, tmp_path_factory.mktemp("log") / "log")
    try:
        service.wait_for(lambda: service.client.get("/readyz").status_code == 200)
        service.wait_for(lambda: service.ready()["live"]["followed"])
        yield service
    finally:
        service.end()


@pytest.fixture(scope="module")
def news(shop):
    """Orders that nobody was told of yet, without end."""
    until = last_moment(shop.tables)
    known = [each for each in to_events(shop.tables) if each.kind == "order_line"]

    def told():
        number = 0
        while True:
            for each in known:
                number += 1
                row = {name: value for name, value in each.row.items() if name != "promised_at"}
                at, name = until + number * 1_000_000, f"new-{number}"
                row |= {"order_line_id": name, "order_id": name, "ordered_at": at}
                yield as_request(replace(each, event_id=name, at=at, row=row))

    return told()


def batch(news):
    return [next(news) for _ in range(40)]


def sent(service, news, acknowledged):
    """Send a batch; keep what was acknowledged, and give the answer."""
    events = batch(news)
    answer = service.ask(EVENTS, events)
    if answer.status_code == 202:
        acknowledged += [each["event_id"] for each in events]
    return answer


def test_a_registry_that_hangs_leaves_the_last_copies(service, settings):
    told = service.ready()["endpoints"][SIZE]
    assert told["ready"] is True
    assert told["source"] == "copy"
    assert f"{settings.tracking_uri} did not answer within 1 seconds" in told["reason"]


def test_a_damaged_champion_is_refused_and_the_copy_before_it_answers(service, shop):
    told = service.ready()["endpoints"]
    assert told[REVIEW]["model"] == {"name": "abuse", "version": "1"}
    assert "note.txt" in told[REVIEW]["reason"]
    answer = service.ask(REVIEW, shop.questions()[REVIEW][0])
    assert answer.status_code == 200, answer.text
    assert answer.json()["model"] == {"name": "abuse", "version": "1"}


class FullDisk:
    """Fill the file system to the last byte."""

    def __init__(self, folder):
        self.ballast = folder / "ballast"

    def __enter__(self):
        size = 1 << 20
        with self.ballast.open("wb", buffering=0) as file:
            while size:
                try:
                    file.write(bytes(size))
                except OSError:
                    size //= 2

    def __exit__(self, *_):
        self.ballast.unlink()


class NoGrowth:
    """Let no file of the service grow, as a quota does: for where nothing can be mounted."""

    def __init__(self, service):
        self.service = service

    def limit(self, size):
        for each in self.service.processes():
            with suppress(ProcessLookupError):
                _, hard = resource.prlimit(each.pid, resource.RLIMIT_FSIZE)
                resource.prlimit(each.pid, resource.RLIMIT_FSIZE, (size, hard))

    def __enter__(self):
        self.limit(1)

    def __exit__(self, *_):
        self.limit(resource.RLIM_INFINITY)


def until_refused(ask):
    """What is refused once the space that files have inside is used up, too."""
    for _ in range(2_000):
        answer = ask()
        if answer.status_code != (202 if "accepted" in answer.text else 200):
            return answer
    raise AssertionError("it was never refused")


def test_without_room_reads_go_on_and_nothing_acknowledged_is_lost(
    service, settings, shop, disk, news, tmp_path
):
    questions = shop.questions()
    kept, reviewed = [], []

    def review():
        answer = service.ask(REVIEW, questions[REVIEW])
        if answer.status_code == 200:
            reviewed.extend(each["audit_id"] for each in answer.json())
        return answer

    folder, mounted = disk
    fault = FullDisk(folder) if mounted else NoGrowth(service)
    assert sent(service, news, kept).status_code == 202
    with fault:
        refused = until_refused(lambda: sent(service, news, kept))
        assert refused.status_code == 503
        assert int(refused.headers["retry-after"]) > 0
        assert refused.json()["type"] == "urn:muslin:problem:event-log-unusable"
        assert "cannot be written" in refused.json()["detail"]
        refused = until_refused(review)
        assert refused.status_code == 503
        assert int(refused.headers["retry-after"]) > 0
        assert refused.json()["type"] == "urn:muslin:problem:not-recorded"
        for answer in service.ask(SIZE, questions[SIZE]).json():
            assert answer["degraded"] is False
            assert answer["sizes"]
        told = service.ready()
        assert {each["part"] for each in told["degraded"]} == {"events", "audit"}
        assert told["ready"] is True
        if mounted:  # the other lets the log of the service not grow, either
            service.wait_for(lambda: "live events cannot be followed" in service.told())
    service.wait_for(lambda: sent(service, news, kept).status_code == 202)
    service.wait_for(lambda: review().status_code == 200)
    service.wait_for(lambda: service.ready()["live"]["events_waiting"] == 0)
    assert service.ready()["degraded"] == []
    assert len(service.with_word("serving.follow")) == 1

    with open_event_log(settings.events_url) as log:
        logged = [each.event_id for each in log.read(0, 1_000_000)]
    assert len(logged) == len(set(logged))
    assert set(kept) <= set(logged)
    with SqliteAudit(settings.audit_url, readonly=True) as audit:
        for audit_id in reviewed:
            audit.get(audit_id)
        assert audit.verify().ok
    assert same(content(settings.state_url), one_fold(shop, settings, tmp_path))


def one_fold(shop, settings, tmp_path):
    """What the state is when the whole log is folded at once, with room."""
    alone = settings.model_copy(update={"state_url": str(tmp_path / "alone.db")})
    shutil.copy(shop.filled, alone.state_url)
    follower = Follower(alone)
    while follower.turn() != pytest.approx(0.05):
        pass
    follower.close()
    return content(alone.state_url)
