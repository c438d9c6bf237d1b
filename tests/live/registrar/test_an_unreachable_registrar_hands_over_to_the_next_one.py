"""Silence, refused connections, 503: the next registrar at once; lost connections: again at once."""

import asyncio
import socket
from typing import Any


def _nobody() -> int:
    with socket.socket() as raw:
        raw.bind(("127.0.0.1", 0))
        return int(raw.getsockname()[1])


def test_a_refused_connection_hands_over(play: Any) -> None:
    async def story(office: Any) -> None:
        second = await office.registrar()
        registrant = office.register(_nobody(), second, transport="tcp")
        await office.reaches(registrant, "registered")
        status = registrant.status()
        assert status.server == f"127.0.0.1:{second.port}/tcp"
        assert "cannot be reached" in status.last_error

    play(story)


def test_silence_hands_over(play: Any) -> None:
    async def story(office: Any) -> None:
        first, second = await office.registrar(), await office.registrar()
        first.script = lambda request: None
        registrant = office.register(first, second)
        await office.reaches(registrant, "registered")
        assert registrant.status().server.endswith(f":{second.port}/udp")
        # an answer of the first one that comes later changes nothing
        first.script = None
        await asyncio.sleep(0.3)
        assert registrant.status().server.endswith(f":{second.port}/udp")

    play(story)


def test_a_503_hands_over(play: Any) -> None:
    async def story(office: Any) -> None:
        first, second = await office.registrar(), await office.registrar()
        first.script = lambda request: request.reply(503, to_tag="r", headers=[("Retry-After", 3600)])
        registrant = office.register(first, second)
        await office.reaches(registrant, "registered")
        assert len(first.requests) == 1

    play(story)


def test_all_silent_is_tried_again_until_one_answers(play: Any) -> None:
    async def story(office: Any) -> None:
        registrar = await office.registrar()
        registrar.script = lambda request: None
        registrant = office.register(registrar)
        await office.reaches(registrant, "failed")
        assert registrant.status().last_error == f"127.0.0.1:{registrar.port}/udp does not answer"
        registrar.script = None
        await office.reaches(registrant, "registered")
        assert registrant.status().last_error == ""

    play(story)


def test_a_closed_connection_is_made_again(play: Any) -> None:
    async def story(office: Any) -> None:
        registrar = await office.registrar()
        registrant = office.register(registrar, transport="tcp")
        await office.reaches(registrant, "registered")
        registrar.hang_up()
        await office.until(lambda: len(registrar.diary.bound) == 2)
        await office.reaches(registrant, "registered")
        assert office.user_agent.sockets.connections == 1

    play(story)


def test_a_registrar_that_closes_each_connection_is_not_run_after(play: Any) -> None:
    async def story(office: Any) -> None:
        registrar = await office.registrar(password=None)

        def hang_up(request: Any) -> Any:
            asyncio.get_running_loop().call_later(0.01, registrar.hang_up)
            return ...

        registrar.script = hang_up
        office.register(registrar, transport="tcp", base=0.2, longest=60.0)
        await asyncio.sleep(2.0)
        assert 2 <= len(registrar.requests) <= 6

    play(story)


def test_a_registrar_that_comes_back_is_found(play: Any) -> None:
    async def story(office: Any) -> None:
        registrar = await office.registrar()
        registrant = office.register(registrar, transport="tcp")
        await office.reaches(registrant, "registered")
        await registrar.close()
        await office.reaches(registrant, "failed")
        again = await office.registrar(registrar.port)
        await office.reaches(registrant, "registered")
        assert again.diary.bound

    play(story)


def test_a_name_that_cannot_be_resolved_is_a_sentence_and_a_bug_of_ours_is_survived(play: Any) -> None:
    async def story(office: Any) -> None:
        registrar = await office.registrar()
        registrant = office.register(registrar.port)
        await office.reaches(registrant, "registered")
        empty = office.register()
        await office.reaches(empty, "failed")
        assert empty.status().last_error == "carrier.example has no address"
        strange = office.register(registrar, transport="sctp")
        await office.reaches(strange, "failed")
        assert "cannot be tried" in strange.status().last_error

    play(story)


def test_a_connection_that_closes_before_the_answer_is_no_reason_to_wait_for_a_timer(play: Any) -> None:
    async def story(office: Any) -> None:
        registrar = await office.registrar(password=None)
        silent = True

        def once(request: Any) -> Any:
            nonlocal silent
            if silent:  # it takes the REGISTER and hangs up, as one that is just starting
                silent = False
                asyncio.get_running_loop().call_soon(registrar.hang_up)
                return None
            return ...

        registrar.script = once
        seen: list[Any] = []
        registrant = office.register(registrar, transport="tcp", try_seconds=30.0, more={"on_change": seen.append})
        await office.reaches(registrant, "registered")
        assert len(registrar.requests) == 2
        # Not "does not answer", which would be timer F: half a minute where the timers are the RFC's.
        assert [one.last_error for one in seen if one.state == "failed"] == [
            f"127.0.0.1:{registrar.port}/tcp cannot be reached: it closed the connection without a word"
        ]

    play(story)


def test_a_registrar_that_closes_the_connection_instead_of_answering_is_asked_again(play: Any) -> None:
    async def story(office: Any) -> None:
        registrar = await office.registrar()
        changes: list[Any] = []

        def hang_up(request: Any) -> None:
            registrar.script = None
            registrar.hang_up()

        registrar.script = hang_up
        registrant = office.register(registrar, transport="tcp", more={"on_change": changes.append})
        await office.reaches(registrant, "registered")
        reasons = [change.last_error for change in changes if change.state == "failed"]
        assert reasons == [f"127.0.0.1:{registrar.port}/tcp cannot be reached: it closed the connection without a word"]

    play(story)
