"""A peer that agreed to both laws of G.711 may change between them; what is heard is the agreed one."""

import audioop
from typing import Any

from softswitch.rtp.law import LAWS
from softswitch.rtp.profile import Profile

BOTH = Profile("PCMU", 0, 20, ((0, "PCMU"), (8, "PCMA")))


def test_the_tables_agree_with_the_codecs() -> None:
    every = bytes(range(256))
    assert every.translate(LAWS["PCMU"].other) == audioop.lin2alaw(audioop.ulaw2lin(every, 2), 2)
    assert every.translate(LAWS["PCMA"].other) == audioop.lin2ulaw(audioop.alaw2lin(every, 2), 2)
    for law in LAWS.values():
        assert law.fill in law.quiet and 30 <= len(law.quiet) <= 128


def test_a_peer_may_change_between_the_laws(kit: Any) -> None:
    stream, wire = kit.stream(BOTH), kit.Wire()
    ulaw, alaw = b"\x20" * 160, bytes((LAWS["PCMU"].other[0x20],)) * 160

    def schedule() -> Any:
        for i in range(100):
            number, payload = (8, alaw) if 30 <= i < 60 else (0, ulaw)
            yield i * 0.020, lambda n=number, p=payload, i=i: kit.HEADER.pack(0x8000 | n, i, i * 160, 5) + p

    heard = [frame for frame in kit.listen(stream, wire, schedule(), 2.2) if frame]
    assert heard == [ulaw] * 100


def test_what_waits_when_the_codec_changes_is_translated(kit: Any) -> None:
    stream = kit.stream(BOTH)
    for i in range(3):
        stream.receive(kit.HEADER.pack(0x8000, i, i * 160, 5) + b"\x20" * 160, kit.PEER, 1.0, now=1.0)
    stream.redirect(kit.PEER, Profile("PCMA", 8, 20, ((8, "PCMA"),)), now=1.0)
    heard = [frame for n in range(6) if (frame := stream.take(1.0 + n * 0.020))]
    assert heard == [bytes((LAWS["PCMU"].other[0x20],)) * 160] * 3
