"""The figures of RFC 3261 and RFC 6026 written down a second time, by hand: `state event next`, and what is ignored."""

import pytest

from softswitch.sip.transaction import CLIENT, INVITE_CLIENT, INVITE_SERVER, SERVER, Input, State, Table, Timer

FAILED = "transport failed"

# RFC 3261 figure 5, RFC 6026 section 7.2
INVITE_CLIENT_ARROWS = """
calling     A                calling
calling     B                terminated
calling     transport failed terminated
calling     1xx received     proceeding
calling     2xx received     accepted
calling     300-699 received completed
proceeding  1xx received     proceeding
proceeding  2xx received     accepted
proceeding  300-699 received completed
completed   300-699 received completed
completed   transport failed terminated
completed   D                terminated
accepted    2xx received     accepted
accepted    M                terminated
"""
INVITE_CLIENT_IGNORED = """
calling     cancel from the user    section 9.1: wait for a provisional response
proceeding  transport failed        nothing is being sent
cancelling  transport failed        nothing is being sent
cancelling  cancel from the user    one is enough
completed   1xx received            late, overtaken by the final response
completed   2xx received            one final response has been taken, and acknowledged
completed   cancel from the user    too late, section 9.1
accepted    1xx received            late
accepted    300-699 received        another phone of a fork refused, a proxy should have kept it
accepted    transport failed        nothing is being sent
accepted    cancel from the user    too late, section 9.1
"""
# RFC 3261 section 9.1: what may still come after the CANCEL, and how long
BEYOND = {
    (State.PROCEEDING, Input.CANCEL),
    (State.PROCEEDING, Timer.RINGING),
    (State.PROCEEDING, Timer.UNANSWERED),
    (State.TRYING, Timer.UNANSWERED),
    (State.CANCELLING, Input.RECEIVED_1XX),
    (State.CANCELLING, Input.RECEIVED_2XX),
    (State.CANCELLING, Input.RECEIVED_FAILURE),
    (State.CANCELLING, Timer.CANCELLED),
}
# RFC 3261 figure 6
CLIENT_ARROWS = """
trying      E                trying
trying      F                terminated
trying      transport failed terminated
trying      1xx received     proceeding
trying      2xx received     completed
trying      300-699 received completed
proceeding  E                proceeding
proceeding  F                terminated
proceeding  transport failed terminated
proceeding  1xx received     proceeding
proceeding  2xx received     completed
proceeding  300-699 received completed
completed   K                terminated
"""
CLIENT_IGNORED = """
trying      cancel from the user    only an INVITE is cancelled
proceeding  cancel from the user    only an INVITE is cancelled
completed   cancel from the user    only an INVITE is cancelled
completed   1xx received            figure 6: K is there to absorb copies
completed   2xx received            figure 6: K is there to absorb copies
completed   300-699 received        figure 6: K is there to absorb copies
completed   transport failed        nothing is being sent
"""
# RFC 3261 figure 7, RFC 6026 section 7.1
INVITE_SERVER_ARROWS = """
proceeding  the request again     proceeding
proceeding  1xx from the user     proceeding
proceeding  2xx from the user     accepted
proceeding  300-699 from the user completed
proceeding  transport failed      proceeding
completed   the request again     completed
completed   ack                   confirmed
completed   transport failed      completed
completed   G                     completed
completed   H                     terminated
confirmed   I                     terminated
accepted    2xx from the user     accepted
accepted    ack                   accepted
accepted    transport failed      accepted
accepted    L                     terminated
"""
INVITE_SERVER_IGNORED = """
proceeding  ack                   there is nothing to acknowledge yet
completed   1xx from the user     17.2.1: any other response from the user is discarded
completed   2xx from the user     the same
completed   300-699 from the user the same
confirmed   the request again     17.2.1: I is there to absorb copies
confirmed   ack                   17.2.1: I is there to absorb copies
confirmed   1xx from the user     as in completed
confirmed   2xx from the user     as in completed
confirmed   300-699 from the user as in completed
confirmed   transport failed      nothing is being sent
accepted    the request again     RFC 6026: absorbed
accepted    1xx from the user     a final response was given
accepted    300-699 from the user a final response was given
"""
# RFC 3261 figure 8, transport failures by RFC 6026 section 8.6
SERVER_ARROWS = """
trying      1xx from the user     proceeding
trying      2xx from the user     completed
trying      300-699 from the user completed
proceeding  the request again     proceeding
proceeding  1xx from the user     proceeding
proceeding  2xx from the user     completed
proceeding  300-699 from the user completed
proceeding  transport failed      proceeding
completed   the request again     completed
completed   transport failed      completed
completed   J                     terminated
"""
SERVER_IGNORED = """
trying      the request again     17.2.2: discarded
trying      transport failed      nothing is being sent
completed   1xx from the user     17.2.2: discarded
completed   2xx from the user     17.2.2: discarded
completed   300-699 from the user 17.2.2: discarded
"""

EVENTS = [str(event) for event in (*Input, *Timer)]
CLIENT_INPUTS = {
    Input.RECEIVED_1XX,
    Input.RECEIVED_2XX,
    Input.RECEIVED_FAILURE,
    Input.CANCEL,
    Input.TRANSPORT_FAILED,
}
SERVER_INPUTS = {Input.REQUEST, Input.SENT_1XX, Input.SENT_2XX, Input.SENT_FAILURE, Input.TRANSPORT_FAILED}


def arrows(text: str) -> dict[tuple[str, str], str]:
    found = {}
    for line in text.strip().splitlines():
        state, rest = line.split(maxsplit=1)
        event = max((event for event in EVENTS if rest.startswith(event + " ")), key=len)
        found[state, event] = rest[len(event) :].strip()
    return found


CASES = [
    (INVITE_CLIENT, INVITE_CLIENT_ARROWS, INVITE_CLIENT_IGNORED, CLIENT_INPUTS),
    (CLIENT, CLIENT_ARROWS, CLIENT_IGNORED, CLIENT_INPUTS),
    (INVITE_SERVER, INVITE_SERVER_ARROWS, INVITE_SERVER_IGNORED, SERVER_INPUTS | {Input.ACK}),
    (SERVER, SERVER_ARROWS, SERVER_IGNORED, SERVER_INPUTS),
]


@pytest.mark.parametrize(("table", "figure"), [(case[0], case[1]) for case in CASES])
def test_each_arrow_is_a_row_and_each_row_an_arrow(table: Table, figure: str) -> None:
    rows = {
        (str(state), str(event)): str(row[0])
        for (state, event), row in table.rows.items()
        if (state, event) not in BEYOND
    }
    assert rows == arrows(figure)


@pytest.mark.parametrize(("table", "ignored", "inputs"), [(case[0], *case[2:]) for case in CASES])
def test_each_other_input_is_ignored_for_a_reason(table: Table, ignored: str, inputs: set[Input]) -> None:
    absent = {
        (str(state), str(event)) for state in table.timers for event in inputs if (state, event) not in table.rows
    }
    reasons = arrows(ignored)
    assert set(reasons) == absent
    assert all(reasons.values())


@pytest.mark.parametrize("table", [case[0] for case in CASES])
def test_each_timer_of_a_state_has_a_row(table: Table) -> None:
    for state, timers in table.timers.items():
        assert (state, timers.end) in table.rows
        assert timers.repeat is None or (state, timers.repeat) in table.rows
    for state, event in table.rows:
        if isinstance(event, Timer):
            assert event in table.timers[state]
