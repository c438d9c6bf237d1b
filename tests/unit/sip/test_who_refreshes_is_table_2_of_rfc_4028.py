import pytest

from softswitch.sip.message import Headers, Request, Response
from softswitch.sip.session_timer import MAX_INTERVAL, SessionTimer, SessionTimerSettings
from softswitch.sip.uri import Uri


def timer(expires: int = 1800, min_se: int = 90) -> SessionTimer:
    return SessionTimer(SessionTimerSettings(expires, min_se))


def request(*, supported: bool = True, expires: str = "", min_se: str = "") -> Request:
    headers = Headers([("Supported", "replaces, Timer")] if supported else [])
    if expires:
        headers.add("Session-Expires", expires)
    if min_se:
        headers.add("Min-SE", min_se)
    return Request("INVITE", Uri.of("bob", "b"), headers)


def response(expires: str = "", status: int = 200, min_se: str = "") -> Response:
    headers = Headers([("Session-Expires", expires)] if expires else [])
    if min_se:
        headers.add("Min-SE", min_se)
    return Response(status, "", headers)


REQUIRE = ("Require", "timer")
UAS, UAC = ("Session-Expires", "1800;refresher=uas"), ("Session-Expires", "1800;refresher=uac")


@pytest.mark.parametrize(
    ("supported", "asked", "lines", "refreshing"),
    [
        (False, "1800", (UAS,), True),
        (False, "1800;refresher=uac", (UAS,), True),  # not applicable: it cannot
        (False, "1800;refresher=uas", (UAS,), True),  # not applicable either, but harmless
        (True, "1800", (REQUIRE, UAS), True),
        (True, "1800;refresher=uac", (REQUIRE, UAC), False),
        (True, "1800;refresher=uas", (REQUIRE, UAS), True),
        (True, "1800;x=y;Refresher=UAC", (REQUIRE, UAC), False),
        (True, "1800;refresher=me", (REQUIRE, UAS), True),
        (True, "", (REQUIRE, UAS), True),
        (False, "", (), False),
    ],
)
def test_who_refreshes_is_table_2(
    supported: bool, asked: str, lines: tuple[tuple[str, str], ...], refreshing: bool
) -> None:
    ours = timer()
    assert ours.answering(request(supported=supported, expires=asked), now=0.0) == lines
    assert ours.refreshing is refreshing and ours.interval == (1800 if lines else 0)


@pytest.mark.parametrize(
    ("answer", "interval", "refreshing"),
    [
        ("1200;refresher=uac", 1200, True),
        ("1200;refresher=uas", 1200, False),
        ("1200", 1200, True),  # it forgot to say
        ("1200;refresher=", 1200, True),
        ("3600;refresher=uas", 3600, False),  # longer than we asked for, but it is the one that refreshes
        ("5;refresher=uac", 90, True),  # nobody makes us refresh twice a second
        ("", 0, False),
    ],
)
def test_the_answer_decides(answer: str, interval: int, refreshing: bool) -> None:
    ours = timer()
    ours.answered(response(answer), now=0.0)
    assert (ours.interval, ours.refreshing) == (interval, refreshing)


def test_the_roles_stay_whoever_asks_first() -> None:
    ours = timer()
    assert ours.request_headers() == (("Session-Expires", "1800"), ("Min-SE", "90"))  # at first they are open
    ours.answered(response("1800;refresher=uas"), now=0.0)
    assert ours.request_headers()[0] == ("Session-Expires", "1800;refresher=uas")
    # the peer's own request: now it is the client, and the one that refreshes
    assert ours.answering(request(expires="1800"), now=1.0) == (REQUIRE, UAC)
    ours.answered(response("1800;refresher=uac"), now=2.0)
    assert ours.request_headers()[0] == ("Session-Expires", "1800;refresher=uac")
    assert ours.answering(request(expires="1800"), now=3.0) == (REQUIRE, UAS)
    # and the peer may take it over
    assert ours.answering(request(expires="1800;refresher=uac"), now=4.0) == (REQUIRE, UAC)
    assert not ours.refreshing


def test_an_answer_without_a_timer_turns_it_off() -> None:
    ours = timer()
    ours.answered(response("1800;refresher=uac"), now=0.0)
    assert ours.next_timer() == 900.0
    ours.answered(response(), now=900.0)
    assert ours.next_timer() is None and ours.interval == 0
    ours.answering(request(expires="1800"), now=1000.0)
    assert ours.next_timer() == 1900.0
    ours.answering(request(supported=False), now=1000.0)
    assert ours.next_timer() is None


def test_our_interval_is_the_longest_and_the_peers_minimum_is_kept() -> None:
    def agreed(**asked: str) -> str:
        return dict(timer(600).answering(request(**asked), now=0.0))["Session-Expires"]

    assert agreed(expires="400") == "400;refresher=uas"
    assert agreed(expires="3600") == "600;refresher=uas"
    assert agreed(expires="3600", min_se="1000") == "1000;refresher=uas"
    assert agreed(expires="3600", min_se="1000;extension=1") == "1000;refresher=uas"
    assert agreed(min_se="1000") == "1000;refresher=uas"
    assert timer().answering(request(expires="9999999", min_se=str(MAX_INTERVAL + 1)), now=0.0) == ()


@pytest.mark.parametrize("minimum", [90, 300])
def test_an_interval_below_our_minimum_is_refused(minimum: int) -> None:
    ours = timer(min_se=minimum)
    assert ours.judge(request(expires=str(minimum - 1))) == 422
    assert ours.judge(request(expires="0;refresher=uac")) == 422
    assert ours.too_small_headers() == (("Min-SE", str(minimum)),)
    assert ours.judge(request(expires=str(minimum))) == 0
    assert ours.judge(request()) == 0
    # a proxy asked for a caller who would not understand the refusal: the call goes on without a timer
    assert ours.judge(request(supported=False, expires="10")) == 0
    assert ours.answering(request(supported=False, expires="10"), now=0.0) == ()


@pytest.mark.parametrize(
    "garbage",
    [
        ";",
        "soon",
        "-5",
        "1800.5",
        "٣",
        "1800;",
        "1" * 30,
        "99999999999",
        "1800 900",
        '1800;refresher="',
        ";;=",
        "=;refresher=uac",
    ],
)
def test_garbage_counts_as_absent(garbage: str) -> None:
    ours = timer()
    ours.answered(response(garbage), now=0.0)
    assert ours.interval in (0, 1800)  # `1800;` is forgiven
    assert ours.judge(request(expires=garbage, min_se=garbage)) == 0
    lines = ours.answering(request(expires=garbage, min_se=garbage), now=0.0)
    assert lines == (REQUIRE, UAS)
    assert not ours.refused(response(status=422, min_se=garbage)) or garbage == "1800;"


def test_a_refused_interval_is_raised_a_few_times() -> None:
    ours = timer(600)
    assert ours.refused(response(status=422, min_se="700"))
    assert ours.request_headers() == (("Session-Expires", "700"), ("Min-SE", "700"))
    assert ours.refused(response(status=422, min_se="1900"))
    assert ours.request_headers() == (("Session-Expires", "1900"), ("Min-SE", "1900"))
    ours.answered(response("1900;refresher=uac"), now=0.0)
    assert ours.request_headers() == (("Session-Expires", "1900;refresher=uac"), ("Min-SE", "1900"))


@pytest.mark.parametrize("minimum", ["", "0", "90", "600", str(MAX_INTERVAL + 1), "4294967295"])
def test_a_refusal_that_asks_for_nothing_sensible_is_final(minimum: str) -> None:
    ours = timer(600)
    assert not ours.refused(response(status=422, min_se=minimum))
    assert ours.request_headers() == (("Session-Expires", "600"), ("Min-SE", "90"))


def test_a_peer_that_always_wants_more_is_not_followed_for_ever() -> None:
    ours = timer()
    minimum = 1800
    tries = 0
    while ours.refused(response(status=422, min_se=str(minimum := minimum + 1))):
        tries += 1
    assert tries == 5


def test_what_was_wanted_once_is_asked_for_from_then_on() -> None:
    ours = timer(600)
    ours.answering(request(expires="1800", min_se="900"), now=0.0)
    assert ours.request_headers() == (("Session-Expires", "900;refresher=uac"), ("Min-SE", "900"))
    minimum = 1000
    for _ in range(20):  # on a day of many changes, each may be refused once
        assert ours.refused(response(status=422, min_se=str(minimum)))
        ours.answered(response(f"{minimum};refresher=uac"), now=0.0)
        minimum += 1


def test_without_a_timer_of_our_own_the_peers_is_kept_to() -> None:
    ours = timer(0)
    assert ours.request_headers() == () and ours.answering(request(), now=0.0) == ()
    assert ours.answering(request(expires="600;refresher=uac"), now=0.0) == (
        REQUIRE,
        ("Session-Expires", "600;refresher=uac"),
    )
    assert ours.request_headers()[0] == ("Session-Expires", "600;refresher=uas")
    ours.answered(response("700;refresher=uac"), now=0.0)
    assert ours.interval == 700 and ours.refreshing
