from typing import Any

from softswitch.sip.core import RequestReceived
from softswitch.sip.invite import Acknowledged


def test_a_caller_may_hang_up_while_it_rings(pair: Any) -> None:
    """RFC 3261 section 15: a caller may end an early dialog with BYE; the INVITE then gets 487 (section 15.1.2)."""
    wire, alice, bob = pair
    call = alice.call("answer=30")
    wire.run(until=1.0)
    [dialog] = call.client._early.values()
    alice.core.send_request(dialog.request("BYE"), alice.flow, now=wire.now)
    alice.pump()
    wire.run(until=100.0)
    assert [event.request.method for event in bob.saw(RequestReceived)] == ["INVITE", "BYE"]
    assert not bob.saw(Acknowledged)
    assert (call.end, bob.calls[0].end) == ("refused 487", "peer hung up")
    assert alice.is_empty() and bob.is_empty()
