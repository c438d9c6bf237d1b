"""Registration, calls in and calls out over one verified TLS connection to a real Asterisk."""

from collections.abc import Callable

from tests.live.peers.stream_relay import StreamRelay
from tests.live.tls.conftest import ACCOUNT, TONE_440, Files, TlsAsterisk, TlsSwitch

Start = Callable[..., TlsSwitch]


def test_it_is_registered_with_and_calls_go_both_ways(
    files: Files, tls_asterisk: TlsAsterisk, tls_switch: Start
) -> None:
    switch = tls_switch(tls_asterisk.carrier(tls_ca=files.ca))
    asterisk = tls_asterisk.asterisk
    acme = switch.wait_acme(state="registered")
    assert (acme["transport"], acme["tls_verify"], acme["last_error"]) == ("tls", True, "")
    assert f"127.0.0.1:{switch.port};transport=tls" in asterisk.wait_contact(ACCOUNT).lower()
    switch.wait_acme(last_error="", round_trip_ms=".")
    # in, by the contact that is registered
    call = asterisk.call("602", endpoint=ACCOUNT, caller="4955602")
    call.wait_up()
    call.wait_tone(1004)
    call.hang_up()
    record = switch.process.wait_record(**{"from": "4955602"})
    assert (record["carrier"], record["outcome"]) == ("acme", "answered")
    # through: in by one call, out by another to a number of Asterisk's
    call = asterisk.call(f"9{TONE_440}", endpoint=ACCOUNT, caller="4955603")
    call.wait_up()
    call.wait_tone(440)
    call.hang_up()
    assert switch.process.wait_record(**{"from": "4955603"})["outcome"] == "answered"
    # all of it over the one connection that we opened, if Asterisk does not open one of its own besides
    assert switch.counts("tls_failures_total") == {}
    opened = switch.counts("sip_socket_events_total")
    assert opened['softswitch_sip_socket_events_total{event="tls_opened"}'] == 1


def test_a_connection_that_is_lost_in_a_call_is_opened_again_for_its_end(
    files: Files, tls_asterisk: TlsAsterisk, tls_switch: Start
) -> None:
    with StreamRelay(("127.0.0.1", tls_asterisk.port)) as relay:
        switch = tls_switch(tls_asterisk.carrier(tls_ca=files.ca, port=relay.port, register="false", health_seconds=0))
        asterisk = tls_asterisk.asterisk
        since = asterisk.mark()
        call = asterisk.call(f"sip:9{TONE_440}@{switch.process.address}", caller="4955604")
        there = asterisk.wait_call(TONE_440, since=since)
        call.wait_up()
        call.wait_tone(440)
        relay.cut()
        call.hang_up()
        assert there.wait_ended() == 16  # by our BYE, and not by the silence that follows
        record = switch.process.wait_record(**{"from": "4955604"})
        assert record["outcome"] == "answered"
        events = switch.counts("sip_socket_events_total")
        assert events['softswitch_sip_socket_events_total{event="tls_opened"}'] == 2
