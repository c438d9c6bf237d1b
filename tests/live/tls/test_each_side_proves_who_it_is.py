"""Mutual TLS: we show a certificate to carriers that want one, and know carriers by the one that they show."""

from collections.abc import Callable

from tests.live.tls.conftest import ACCOUNT, Files, TlsAsterisk, TlsSwitch

Start = Callable[..., TlsSwitch]


def test_a_carrier_that_wants_a_certificate_of_ours_gets_it(
    files: Files, strict_asterisk: TlsAsterisk, tls_switch: Start
) -> None:
    mine = files.sign("client", "us.example")
    keys = {"tls_ca": files.ca, "tls_certificate": mine.certificate, "tls_key": mine.key}
    switch = tls_switch(strict_asterisk.carrier(**keys))
    switch.wait_acme(state="registered")
    strict_asterisk.asterisk.wait_contact(ACCOUNT)


def test_a_carrier_that_wants_one_and_gets_none_is_explained(
    files: Files, strict_asterisk: TlsAsterisk, tls_switch: Start
) -> None:
    switch = tls_switch(strict_asterisk.carrier(tls_ca=files.ca))
    switch.wait_acme(last_error="it wants a certificate of ours (tls_certificate)")
    assert strict_asterisk.asterisk.contact(ACCOUNT) == ""


def test_a_call_over_a_carriers_certificate_is_that_carriers(
    files: Files, tls_asterisk: TlsAsterisk, tls_switch: Start
) -> None:
    # Known by nothing else: Asterisk calls from a port of its own, and has no registration of ours.
    carriers = tls_asterisk.carrier(tls_ca=files.ca, tls_name="localhost", register="false", port=5071)
    switch = tls_switch(carriers, more=f"    verify_clients: require\n    client_ca: {files.ca}\n")
    asterisk = tls_asterisk.asterisk
    call = asterisk.call(f"sip:602@127.0.0.1:{switch.port};transport=tls", caller="4955620")
    call.wait_up()
    call.wait_tone(1004)
    call.hang_up()
    record = switch.process.wait_record(**{"from": "4955620"})
    assert (record["carrier"], record["outcome"]) == ("acme", "answered")


def test_a_call_over_another_certificate_is_nobodys(files: Files, tls_asterisk: TlsAsterisk, tls_switch: Start) -> None:
    carriers = tls_asterisk.carrier(tls_ca=files.ca, tls_name="sip.acme.example", register="false", port=5071)
    switch = tls_switch(carriers, more=f"    verify_clients: optional\n    client_ca: {files.ca}\n")
    call = tls_asterisk.asterisk.call(f"sip:602@127.0.0.1:{switch.port};transport=tls", caller="4955621")
    call.wait_up()
    call.hang_up()
    assert switch.process.wait_record(**{"from": "4955621"})["carrier"] == ""


def test_who_shows_nothing_is_turned_away_where_one_is_required(
    files: Files, tls_asterisk: TlsAsterisk, tls_switch: Start
) -> None:
    switch = tls_switch(more=f"    verify_clients: require\n    client_ca: {files.other_ca}\n")
    call = tls_asterisk.asterisk.call(f"sip:602@127.0.0.1:{switch.port};transport=tls", caller="4955622")
    call.wait_ended()
    assert not call.is_up
    assert [*switch.counts("tls_failures_total")] == ['softswitch_tls_failures_total{reason="untrusted",side="in"}']
