from typing import Any


def test_a_plain_call_is_seven_messages(pair: Any) -> None:
    wire, alice, bob = pair
    alice.call("answer=1", bye=5)
    wire.run(until=100.0)
    ladder = [(round(at, 2), data.replace(b"SIP/2.0 ", b"").split()[0].decode()) for at, data in wire.sent]
    assert ladder == [
        (0.0, "INVITE"),
        (0.01, "100"),
        (0.01, "180"),
        (1.01, "200"),
        (1.02, "ACK"),
        (6.02, "BYE"),
        (6.03, "200"),
    ]
    assert not alice.core.copies and not bob.core.copies and not alice.core.bad and not bob.core.bad
    assert alice.is_empty() and bob.is_empty()
