import asyncio
import socket

import orjson
import pytest

from serving.champions.difference import Tally, differences
from serving.champions.shadow import Sample, Sender, packed, unpacked

PATH = "/v1/size-advice"


def advice(recommended, fit):
    rest = round(1 - fit, 4)
    sizes = [{"label": "M", "fit": {"small": rest, "fit": fit, "large": 0.0}}]
    return {"product_id": "p", "status": "advised", "recommended": recommended, "sizes": sizes}


@pytest.fixture
def sender(tmp_path):
    sender = Sender(str(tmp_path / "s"), 1.0)
    yield sender
    sender.close()


@pytest.fixture
def inbox(tmp_path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as inbox:
        inbox.bind(str(tmp_path / "s"))
        inbox.settimeout(5)
        yield inbox


def test_a_sample_comes_out_as_it_went_in():
    sample = Sample(PATH, "r1", 3, b'{"product_id":"p"}', b"[1,2]")
    assert unpacked(packed(sample)) == sample


def ask(sender, path=PATH, answer=b"{}"):
    async def endpoint(body, request_id):
        return answer

    async def asked():
        given = await sender.wrap(path, endpoint)(b"{}", "r1")
        await asyncio.sleep(0)  # what is done after the answer
        return given

    return asyncio.run(asked())


def test_only_requests_of_a_model_with_a_challenger_are_handed_over(inbox, sender):
    ask(sender)
    sender.follow({"size_fit": "2"})
    ask(sender, "/v1/return-risk")
    assert sender.sent == 0
    ask(sender)
    assert sender.sent == 1
    assert unpacked(inbox.recv(1000)).request_id == "r1"


def test_where_there_is_no_room_a_sample_is_dropped_and_counted_and_the_answer_stands(
    inbox, sender
):
    sender.follow({"size_fit": "2"})
    for _ in range(2000):
        assert ask(sender, answer=b"x" * 1000) == b"x" * 1000
    assert sender.dropped > 0
    assert sender.sent + sender.dropped == 2000
    while sender.sent:
        inbox.recv(10_000)
        sender.sent -= 1
    ask(sender)
    assert unpacked(inbox.recv(10_000)).dropped == sender.dropped


def test_with_nobody_listening_answers_are_given_all_the_same(sender):
    sender.follow({"size_fit": "2"})
    assert ask(sender) == b"{}"
    assert sender.dropped == 1


def test_only_what_matters_is_a_difference():
    ((dp, found),) = differences(PATH, advice("M", 0.5), advice("M", 0.55))
    assert found is None
    assert dp == pytest.approx(0.05)
    ((_, found),) = differences(PATH, advice("M", 0.5), advice(None, 0.5))
    assert found["recommended"] == ["M", None]
    ((_, found),) = differences(PATH, advice("M", 0.5), advice("M", 0.9))
    assert found["dp"] == pytest.approx(0.4)
    both = list(differences(PATH, [advice("M", 0.5)] * 2, [advice("M", 0.5)] * 2))
    assert both == [(0.0, None)] * 2


def test_every_question_is_in_one_bin():
    tally = Tally("1", "2", "now")
    for dp in (0.0, 0.004, 0.05, 0.9):
        tally.add(dp, None if dp < 0.1 else {"dp": dp})
    told = tally.told()
    assert sum(told["dp"]) == 4
    assert told["dp"][0] == told["dp"][1] == told["dp"][5] == told["dp"][-1] == 1
    assert (told["same"], told["differ"]) == (3, 1)
    assert orjson.loads(orjson.dumps(told)) == told
