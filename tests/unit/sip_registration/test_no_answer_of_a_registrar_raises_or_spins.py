"""Whatever a registrar answers, in whatever order: a state comes out, and no second goes by with many requests."""

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from softswitch.sip.message import Headers, Response
from softswitch.sip.registration import RegistrationState

NAMES = ["Contact", "Expires", "Min-Expires", "Retry-After", "Service-Route", "Path", "Via", "WWW-Authenticate"]
VALUES = st.one_of(
    st.sampled_from(["0", "1", "60", "4294967295", "-1", "*", '"', "<", "<sip:a>;expires=0", "<sip:a>;expires=9, <"])
    | st.sampled_from(['Digest realm="r", nonce="n"', "SIP/2.0/UDP 1.2.3.4;rport=5", "<sip:a;lr>", "\udcff\x00"]),
    st.text(st.characters(blacklist_characters="\r\n", max_codepoint=0x17F), max_size=30),
)
ANSWERS = st.one_of(
    st.sampled_from(["timeout", "transport", "a sentence"]),
    st.none(),
    st.tuples(
        st.sampled_from([100, 200, 202, 299, 300, 302, 401, 403, 404, 407, 408, 423, 486, 500, 503, 600, 699]),
        st.lists(st.tuples(st.sampled_from(NAMES), VALUES), max_size=4),
    ),
)


def _answers(plan: Any) -> Any:
    return lambda request: Response(plan[0], "x", Headers(plan[1])) if isinstance(plan, tuple) else plan


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(ANSWERS, st.sampled_from(["wait", "start", "lost", "stop"])), min_size=1, max_size=12))
def test_no_answer_raises_or_spins(make_rig: Any, servers: Any, story: list[tuple[Any, str]]) -> None:
    rig = make_rig()
    rig.targets = servers[:2]
    for plan, action in story:
        rig.otherwise = _answers(plan)
        before = len(rig.sent)
        match action:
            case "start":
                rig.start()
            case "lost":
                rig.machine.flow_lost(now=rig.now)
                rig.pump()
            case "stop":
                rig.stop()
            case _:
                rig.run(4000)
        assert len(rig.sent) - before <= 3 * 4000 / 5
        assert isinstance(rig.machine.status().last_error, str)
        assert rig.state in RegistrationState
    rig.stop()
    rig.run(80)
    assert rig.state is RegistrationState.UNREGISTERED
    assert rig.machine.next_timer() is None
