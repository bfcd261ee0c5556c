import asyncio

import pytest

from serving.together import Together


class Answerer:
    """Doubles numbers, refuses negative ones, and remembers what it was asked at once."""

    def __init__(self):
        self.calls = []

    def __call__(self, questions):
        self.calls.append(list(questions))
        if min(questions) < 0:
            raise ValueError(f"{min(questions)} is negative")
        return [2 * each for each in questions]


def ask(together, *requests):
    async def all_of_them():
        return await asyncio.gather(*map(together, requests), return_exceptions=True)

    return asyncio.run(all_of_them())


def test_requests_of_one_moment_are_answered_in_one_call_and_each_gets_its_own_answers():
    answerer = Answerer()
    assert ask(Together(answerer), [1], [2, 3], [4]) == [[2], [4, 6], [8]]
    assert answerer.calls == [[1, 2, 3, 4]]


def test_who_is_alone_is_answered_without_waiting_for_others():
    answerer = Answerer()
    together = Together(answerer)

    async def one_after_another():
        return [await together([1]), await together([2])]

    assert asyncio.run(one_after_another()) == [[2], [4]]
    assert answerer.calls == [[1], [2]]


def test_no_call_has_more_questions_than_may_be_but_for_one_request_of_more():
    answerer = Answerer()
    requests = [[1, 2], [3, 4], [5], [6, 7, 8, 9], [10]]
    assert ask(Together(answerer, most=3), *requests) == [[2 * n for n in r] for r in requests]
    assert answerer.calls == [[1, 2], [3, 4, 5], [6, 7, 8, 9], [10]]


def test_what_one_request_asks_wrongly_does_not_harm_the_others():
    first, wrong, last = ask(Together(Answerer()), [1], [-2], [3])
    assert (first, last) == ([2], [6])
    assert isinstance(wrong, ValueError)
    assert "-2" in str(wrong)


def test_a_request_that_was_given_up_is_not_answered():
    answerer = Answerer()
    together = Together(answerer)

    async def give_up():
        patient = asyncio.ensure_future(together([1]))
        hasty = asyncio.ensure_future(together([2]))
        await asyncio.sleep(0)
        hasty.cancel()
        with pytest.raises(asyncio.CancelledError):
            await hasty
        return await patient

    assert asyncio.run(give_up()) == [2]
    assert answerer.calls in ([[1]], [[1, 2]])


def test_a_loop_that_ended_with_questions_waiting_leaves_nothing_to_the_next():
    answerer = Answerer()
    together = Together(answerer)

    async def leave():
        task = asyncio.ensure_future(together([1]))
        await asyncio.sleep(0)
        task.cancel()

    asyncio.run(leave())
    answerer.calls.clear()
    assert ask(together, [2]) == [[4]]
    assert answerer.calls == [[2]]


def test_a_question_may_count_for_more_than_one():
    answerer = Answerer()
    together = Together(answerer, most=4, size=lambda question: question)
    assert ask(together, [1], [3], [1]) == [[2], [6], [2]]
    assert answerer.calls == [[1, 3], [1]]
