"""423 with Min-Expires (RFC 3261 section 10.2.8), believed within reason."""

from typing import Any

import pytest

from softswitch.sip.message import Headers, Request, Response
from softswitch.sip.registration import RegistrationState


def _wants(least: int) -> Any:
    def answer(request: Request) -> Response:
        asked = int(request.headers.get("Expires") or 0)
        if asked < least:
            return Response(423, "Interval Too Brief", Headers([("Min-Expires", str(least))]))
        return Response(200, "OK", Headers([("Expires", str(asked))]))

    return answer


def test_a_longer_interval_is_asked_for(make_rig: Any) -> None:
    rig = make_rig(expires=60)
    rig.otherwise = _wants(300)
    rig.start()
    assert rig.state is RegistrationState.REGISTERED
    assert [request.headers.get("Expires") for _, _, request in rig.sent] == ["60", "300"]
    rig.run(3600)
    assert {request.headers.get("Expires") for _, _, request in rig.sent[1:]} == {"300"}


@pytest.mark.parametrize(
    ("value", "words"),
    [(None, "does not say"), ("soon", "does not say"), ("4294967295", "absurd"), ("9" * 20, "absurd"), ("60", "asks")],
)
def test_nonsense_is_a_failure_in_words(make_rig: Any, refuses: Any, value: str | None, words: str) -> None:
    rig = make_rig(expires=60)
    rig.otherwise = refuses(423, *([("Min-Expires", value)] if value else []))
    rig.start()
    assert (rig.state, len(rig.sent)) == (RegistrationState.FAILED, 1)
    assert words in rig.error


def test_a_registrar_that_always_wants_more_comes_to_an_end(make_rig: Any) -> None:
    rig = make_rig(expires=60)

    def more(request: Request) -> Response:
        least = int(request.headers.get("Expires") or 0) + 1
        return Response(423, "Interval Too Brief", Headers([("Min-Expires", str(least))]))

    rig.otherwise = more
    rig.start()
    assert (rig.state, len(rig.sent)) == (RegistrationState.FAILED, 3)
