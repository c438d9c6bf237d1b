"""Rules that call each other: the number of hops runs out before ports and calls do (RFC 3261 section 16.3)."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from softswitch.call.dialplan import Dialplan, load_rules
from softswitch.document import parse

Play = Callable[..., None]


def test_each_switch_takes_one_hop(play: Play) -> None:
    async def story(rig: Any) -> None:
        peer = rig.peer
        invite = peer.request("INVITE", "91", body=peer.sdp(), branch="b").replace("Forwards: 70", "Forwards: 12")
        peer.send(invite)
        asked = await peer.asked("INVITE")
        assert asked.max_forwards == 11
        peer.reply(asked, 486)
        refused = await peer.response(method="INVITE")
        peer.send(peer.request("ACK", "91", to_tag=refused.to.tag, branch="b"))

    play(story)


def test_a_call_without_hops_left_goes_nowhere(play: Play) -> None:
    async def story(rig: Any) -> None:
        peer = rig.peer
        invite = peer.request("INVITE", "91", body=peer.sdp(), branch="b").replace("Forwards: 70", "Forwards: 1")
        peer.send(invite)
        refused = await peer.response(method="INVITE")
        assert refused.status == 483
        peer.send(peer.request("ACK", "91", to_tag=refused.to.tag, branch="b"))

    play(story)


def test_a_rule_that_calls_itself_ends(play: Play) -> None:
    async def story(rig: Any) -> None:
        peer, (host, port) = rig.peer, rig.sip
        text = f"rules: [{{number: '900', steps: [dial: {{to: 'sip:900@{host}:{port}', seconds: 15}}]}}]"
        dialplan = Dialplan(load_rules(parse(Path("plan.yaml"), text)))
        rig.switchboard.script = replace(rig.switchboard.script, dialplan=dialplan)
        peer.send(peer.request("INVITE", "900", body=peer.sdp(), branch="b"))
        refused = await peer.response(300, method="INVITE")
        assert refused.status == 483
        peer.send(peer.request("ACK", "900", to_tag=refused.to.tag, branch="b"))
        await rig.nothing_left()
        assert len(rig.records) == 70

    play(story)
