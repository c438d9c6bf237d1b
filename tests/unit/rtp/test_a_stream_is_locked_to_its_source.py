"""Symmetric RTP: packets go where they come from, and a stranger's packets neither are heard nor steal the stream."""

from typing import Any

import pytest

from softswitch.rtp.profile import SourceLatched

NAT = ("198.51.100.9", 61_000)
STRANGER = ("203.0.113.66", 5_555)
OTHER = ("192.0.2.8", 4_100)


class Scene:
    """A stream at 20 ms ticks, and talkers that speak from addresses."""

    def __init__(self, kit: Any, home: str = "") -> None:
        self.kit, self.stream, self.now = kit, kit.stream(home=home), 1.0
        self.talkers = {source: kit.Talker(ssrc=5 + n) for n, source in enumerate((kit.PEER, NAT, STRANGER, OTHER))}

    def speak(self, seconds: float, *sources: tuple[str, int]) -> int:
        """Let `sources` speak in turns; return how many frames were heard."""
        heard = 0
        for _ in range(round(seconds * 50)):
            self.now += 0.020
            for source in sources:
                self.stream.receive(self.talkers[source].packet(), source, self.now, now=self.now)
            heard += self.stream.take(self.now) is not None
        return heard


@pytest.fixture
def scene(kit: Any) -> Scene:
    return Scene(kit)


def test_packets_go_to_the_described_address_until_the_peer_is_heard(scene: Scene, kit: Any) -> None:
    assert scene.stream.remote == kit.PEER and scene.stream.heard_at is None
    scene.speak(0.02, kit.PEER)
    assert scene.stream.drain() == [SourceLatched(kit.PEER)]
    assert scene.stream.remote == kit.PEER and scene.stream.heard_at == scene.now


def test_a_peer_behind_nat_is_answered_where_it_speaks_from(scene: Scene) -> None:
    assert scene.speak(1.0, NAT) >= 47
    assert scene.stream.drain() == [SourceLatched(NAT)]
    assert scene.stream.remote == NAT
    assert scene.stream.stats.received == 50


def test_one_stray_packet_before_the_peer_locks_nothing(scene: Scene, kit: Any) -> None:
    scene.speak(0.02, STRANGER)
    assert scene.stream.remote == kit.PEER and not scene.stream.events
    scene.speak(1.0, NAT)
    assert scene.stream.remote == NAT and scene.stream.stats.foreign == 1


def test_a_stranger_does_not_steal_an_established_stream(scene: Scene, kit: Any) -> None:
    scene.speak(1.0, kit.PEER)
    assert scene.speak(10.0, STRANGER, kit.PEER) == 500
    assert scene.stream.remote == kit.PEER and scene.stream.stats.foreign == 500
    assert scene.stream.stats.received == 550


def test_a_stranger_with_the_peers_own_numbers_is_foreign(scene: Scene, kit: Any) -> None:
    scene.speak(1.0, kit.PEER)
    scene.stream.receive(scene.talkers[kit.PEER].packet(), STRANGER, scene.now, now=scene.now)
    assert scene.stream.stats.foreign == 1 and scene.stream.remote == kit.PEER


def test_a_silent_source_may_be_followed_by_another(scene: Scene, kit: Any) -> None:
    scene.speak(1.0, kit.PEER)
    scene.speak(1.9, NAT)
    assert scene.stream.remote == kit.PEER
    scene.speak(0.5, NAT)
    assert scene.stream.remote == NAT


def test_whoever_was_faster_than_the_described_address_loses_the_lock_to_it(scene: Scene, kit: Any) -> None:
    scene.speak(0.2, STRANGER)
    assert scene.stream.remote == STRANGER
    scene.speak(0.04, STRANGER, kit.PEER)
    assert scene.stream.remote == kit.PEER
    scene.speak(3.0, STRANGER, kit.PEER)
    assert scene.stream.remote == kit.PEER


def test_a_settled_lock_is_not_taken_back(scene: Scene, kit: Any) -> None:
    scene.speak(2.0, NAT)
    scene.speak(1.0, NAT, kit.PEER)
    assert scene.stream.remote == NAT


def test_a_redirection_sends_there_at_once_and_locks_on_who_speaks_there(scene: Scene, kit: Any) -> None:
    scene.speak(1.0, kit.PEER)
    scene.stream.redirect(OTHER, now=scene.now)
    assert scene.stream.remote == OTHER
    assert scene.speak(0.1, kit.PEER) == 5, "the old source is heard until the new one comes"
    assert scene.stream.remote == OTHER
    scene.speak(2.0, kit.PEER, OTHER)
    assert scene.stream.remote == OTHER
    assert scene.stream.stats.foreign >= 99
    assert scene.speak(1.0, OTHER) == 50


def test_a_redirected_stream_locks_on_a_new_peer_behind_nat_while_the_old_one_still_speaks(
    scene: Scene, kit: Any
) -> None:
    scene.speak(2.0, kit.PEER)
    scene.stream.redirect(OTHER, now=scene.now)
    scene.speak(0.2, kit.PEER, NAT)
    assert scene.stream.remote == NAT
    assert scene.speak(3.0, kit.PEER, NAT) >= 149
    assert scene.stream.remote == NAT


def test_a_new_address_that_means_nothing_does_not_silence_a_peer_behind_nat(scene: Scene) -> None:
    scene.speak(2.0, NAT)
    scene.stream.redirect(OTHER, now=scene.now)
    assert scene.speak(2.0, NAT) == 100
    assert scene.stream.remote == NAT


def test_the_same_address_and_a_hold_by_0_0_0_0_keep_the_lock(scene: Scene, kit: Any) -> None:
    scene.speak(2.0, NAT)
    for remote in (kit.PEER, ("0.0.0.0", 4000), kit.PEER):
        scene.stream.redirect(remote, now=scene.now)
        assert scene.stream.remote == NAT
    scene.speak(1.0, STRANGER, NAT)
    assert scene.stream.remote == NAT


def test_what_is_no_packet_of_ours_locks_nothing(scene: Scene, kit: Any) -> None:
    stream = scene.stream
    for data in (
        b"",
        b"\x80",
        b"\x00\x01" + bytes(18),  # STUN binding request
        b"\x80\xc8" + bytes(26),  # RTCP sender report
        b"\x16\xfe\xfd" + bytes(20),  # DTLS
        kit.HEADER.pack(0x8000 | 96, 1, 1, 1) + bytes(160),  # a payload type that was not negotiated
        kit.HEADER.pack(0x8000 | 96, 2, 2, 1) + bytes(160),
        kit.HEADER.pack(0xA000, 1, 1, 1) + bytes(160),  # padding of 0 octets
        kit.HEADER.pack(0x8F00, 1, 1, 1) + bytes(8),  # fifteen contributing sources that are not there
    ):
        stream.receive(data, STRANGER, 1.0, now=1.0)
    stats = stream.stats
    assert (stats.received, stats.stun, stats.rtcp, stats.bad, stats.foreign) == (0, 1, 1, 7, 0)
    assert stream.remote == kit.PEER and stream.heard_at is None


def test_an_ipv6_socket_names_more_than_host_and_port(kit: Any) -> None:
    stream, talker = kit.stream(remote=("2001:db8::7", 4000)), kit.Talker()
    for _ in range(3):
        stream.receive(talker.packet(), ("2001:db8::7", 4000, 0, 0), 1.0, now=1.0)
    assert stream.remote == ("2001:db8::7", 4000)
    assert stream.drain() == [SourceLatched(("2001:db8::7", 4000))]
    assert stream.stats.received == 3


@pytest.mark.parametrize("late", [0.5, 3.0, 60.0])
def test_who_guessed_the_port_gives_way_to_the_described_address_whenever_that_speaks(kit: Any, late: float) -> None:
    scene = Scene(kit, home="192.0.2.200")
    scene.speak(late, STRANGER)
    assert scene.stream.remote == STRANGER
    assert scene.stream.locked(now=scene.now) is None, "a guess must not have the port to itself"
    scene.speak(0.02, STRANGER, kit.PEER)
    assert scene.stream.remote == kit.PEER
    assert scene.speak(2.0, STRANGER, kit.PEER) >= 99
    assert scene.stream.remote == kit.PEER and scene.stream.locked(now=scene.now) == kit.PEER


def test_who_guessed_the_port_gives_way_to_a_peer_behind_nat_that_signals_from_there(kit: Any) -> None:
    scene = Scene(kit, home=NAT[0])
    scene.speak(30.0, STRANGER)
    scene.speak(0.02, STRANGER, NAT)
    assert scene.stream.remote == STRANGER, "one packet may be a stray one"
    scene.speak(0.04, STRANGER, NAT)
    assert scene.stream.remote == NAT
    scene.speak(3.0, NAT, STRANGER, OTHER)
    assert scene.stream.remote == NAT and scene.stream.locked(now=scene.now) == NAT


def test_of_two_that_are_expected_the_one_that_was_first_stays(kit: Any) -> None:
    scene = Scene(kit, home=NAT[0])
    scene.speak(2.0, NAT)
    scene.speak(1.0, NAT, kit.PEER)
    assert scene.stream.remote == NAT


def test_a_gateway_that_is_neither_described_nor_the_one_that_signals_is_heard_while_nobody_better_is(kit: Any) -> None:
    scene = Scene(kit, home="192.0.2.200")
    scene.speak(2.0, OTHER)
    assert scene.speak(5.0, OTHER, STRANGER) == 250
    assert scene.stream.remote == OTHER
