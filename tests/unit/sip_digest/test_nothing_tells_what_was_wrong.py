"""Wrong credentials get one verdict, whichever part was wrong, and a recorded request is worth nothing."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from softswitch.sip.digest_server import LIFETIME, DigestServer, DigestSettings, Outcome
from softswitch.sip.message import Headers, Request, Response
from softswitch.sip.uri import Uri

PLACES = ("192.0.2.2", "", "192.0.2.1", "192.0.2.1")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("username", '"mallory"'),
        ("username", None),
        ("username", '"al\udcffice"'),
        ("response", '"00000000000000000000000000000000"'),
        ("response", '"ünfit"'),
        ("response", None),
        ("uri", '"sip:900@example.com"'),
        ("uri", '"sip:elsewhere.example.com"'),
        ("uri", '"nonsense"'),
        ("uri", None),
        ("nc", "00000009"),
        ("nc", "1"),
        ("nc", None),
        ("cnonce", '"another"'),
        ("cnonce", None),
        ("qop", "auth-conf"),
        ("algorithm", "SHA-256"),
        ("algorithm", "MD5-sess"),
        ("algorithm", '"no algorithm"'),
    ],
)
def test_whatever_is_changed_proves_nothing(
    office: Any, phone: Any, changed: Any, field: str, value: str | None
) -> None:
    phone.ask()
    request = phone.signed()
    assert office.judge(changed(request, **{field: value})).outcome is Outcome.WRONG
    assert office.judge(request).outcome is Outcome.ACCEPTED, "a wrong try must not use up an honest client's count"


@pytest.mark.parametrize("nonce", ['"guessed"', None, '"' + "0" * 44 + '"'])
@pytest.mark.parametrize("password", ["", "guess"])
def test_a_nonce_that_is_not_ours_is_stale_and_says_nothing_of_the_password(
    office: Any, make_phone: Any, changed: Any, nonce: str | None, password: str
) -> None:
    phone = make_phone(office, "alice", password)
    phone.ask()
    wrong = office.server.counts["wrong"]
    assert office.judge(changed(phone.signed(), nonce=nonce)).outcome is Outcome.STALE
    assert office.server.counts["wrong"] == wrong, "and no try of the account is used up"


def test_a_nonce_is_good_for_the_place_it_was_sent_to_alone(office: Any, make_phone: Any) -> None:
    phone = make_phone(office)
    request = phone.request()
    challenge = Response(401, "Unauthorized", Headers(office.server.challenge(place="192.0.2.1", now=office.now)))
    phone.client.challenged(request, challenge)
    phone.client.authorize(request)
    at = [office.server.judge(request, office.key_of, place=place, now=office.now).outcome for place in PLACES]
    assert at == [Outcome.STALE, Outcome.STALE, Outcome.ACCEPTED, Outcome.STALE], "the last one is the same once more"


@pytest.mark.parametrize("method", ["INVITE", "OPTIONS"])
def test_credentials_of_one_method_are_none_for_another(office: Any, phone: Any, method: str) -> None:
    phone.ask()
    other = phone.signed("REGISTER")
    other.method = method
    assert office.judge(other).outcome is Outcome.WRONG


def test_a_wrong_password_and_an_unknown_user_are_judged_alike(office: Any, make_phone: Any) -> None:
    wrong, unknown = make_phone(office, "alice", "guess"), make_phone(office, "nobody", "guess")
    assert wrong.ask() == unknown.ask() == [Outcome.ABSENT, Outcome.WRONG, Outcome.WRONG, Outcome.WRONG]
    lines = [re.sub('nonce="[^"]*"', "", office.challenge().headers.get("WWW-Authenticate") or "") for _ in range(2)]
    assert lines[0] == lines[1]


def test_the_name_of_a_user_is_no_password_although_a_key_is_made_of_it(office: Any, make_phone: Any) -> None:
    for guess in ("nobody", "", "None"):
        assert make_phone(office, "nobody", guess or " ").ask()[-1] is Outcome.WRONG


def test_a_recorded_request_is_stale(office: Any, phone: Any) -> None:
    phone.ask("INVITE")
    recorded = phone.signed("INVITE", "sip:0049@example.com")
    assert office.judge(recorded).outcome is Outcome.ACCEPTED
    for _ in range(3):
        assert office.judge(recorded).outcome is Outcome.STALE
        assert phone.ask("INVITE") == [Outcome.ACCEPTED]
    assert office.server.counts["replayed"] == 3
    assert office.server.counts["wrong"] == 0


def test_an_old_recording_stays_stale_when_its_nonce_was_dropped(make_office: Any, make_phone: Any) -> None:
    office = make_office(max_nonces=8)
    phone = make_phone(office)
    phone.ask()
    recorded = phone.signed()
    office.judge(recorded)
    for seed in range(20):
        office.now += 1
        assert make_phone(office, seed=seed).ask()[-1] is Outcome.ACCEPTED
    assert len(office.server) <= 8
    assert office.judge(recorded).outcome is Outcome.STALE


def test_a_recording_of_a_nonce_that_is_over_is_stale(office: Any, phone: Any) -> None:
    phone.ask()
    unused = phone.signed()
    office.now += LIFETIME + 1
    assert office.judge(unused).outcome is Outcome.STALE


def test_a_nonce_made_by_somebody_else_is_stale_even_with_the_right_password(
    office: Any, make_phone: Any, make_office: Any
) -> None:
    other = make_office()
    other.restart(b"theirs")
    phone = make_phone(other)
    phone.ask()
    assert office.judge(phone.signed()).outcome is Outcome.STALE


def test_credentials_for_another_realm_are_none(office: Any, phone: Any) -> None:
    request = phone.request()
    request.headers.add("Authorization", 'Digest username="alice", realm="other", nonce="n", uri="u", response="r"')
    assert office.judge(request).outcome is Outcome.ABSENT
    request.headers.add("Authorization", "Basic YWxpY2U6b3BlbiBzZXNhbWU=")
    assert office.judge(request).outcome is Outcome.ABSENT


def test_what_nobody_answers_costs_no_memory(office: Any, make_phone: Any) -> None:
    for _ in range(1000):
        office.challenge()
        make_phone(office, "alice", "guess").ask()
    assert len(office.server) == 0


def test_ports_and_parameters_that_change_on_the_way_do_no_harm(office: Any, phone: Any) -> None:
    phone.ask("INVITE")
    request = phone.signed("INVITE", "sip:600@example.com")
    request.uri = Uri.parse("sip:600@EXAMPLE.com:5060;transport=tcp")
    assert office.judge(request).outcome is Outcome.ACCEPTED


@pytest.mark.parametrize(
    ("named", "outcome"),
    [
        ("sip:600@example.com", Outcome.ACCEPTED),
        ("sip:example.com:5080", Outcome.ACCEPTED),
        ("sip:601@example.com", Outcome.WRONG),
        ("sip:example.org", Outcome.WRONG),
        ("tel:600", Outcome.WRONG),
    ],
)
def test_credentials_may_name_the_server_alone_but_nobody_else(
    office: Any, phone: Any, named: str, outcome: Outcome
) -> None:
    phone.ask("INVITE")
    request = phone.signed("INVITE", named)
    request.uri = Uri.parse("sip:600@example.com")
    assert office.judge(request).outcome is outcome


#: What the parser can hand up: characters, and octets that are none; never half of a pair.
_texts = st.one_of(
    st.text(st.characters(exclude_characters="\r\n", exclude_categories=("Cs",)), max_size=60),
    st.binary(max_size=60).map(lambda data: data.translate(None, b"\r\n").decode("utf-8", "surrogateescape")),
)


@given(st.lists(st.tuples(st.sampled_from(["username", "nonce", "nc", "qop", "uri", "response", "x"]), _texts)), _texts)
def test_no_line_raises(pairs: list[tuple[str, str]], tail: str) -> None:
    server = DigestServer(DigestSettings("r"), secret=b"s")
    nonce = server.challenge(now=0.0)[0][1].partition('nonce="')[2].partition('"')[0]
    verdicts = {"": (Outcome.ABSENT, Outcome.STALE), f'nonce="{nonce}", ': (Outcome.ABSENT, Outcome.WRONG)}
    for begin, expected in verdicts.items():
        line = f'Digest realm="r", {begin}' + ", ".join(f"{name}={value}" for name, value in pairs) + tail
        request = Request("REGISTER", Uri.parse("sip:r"), Headers([("Authorization", line)]))
        assert server.judge(request, lambda name, algorithm: None, now=0.0).outcome in expected


@pytest.mark.parametrize(
    "line", ['Digest  realm="softswit', 'Digest realm="', 'Digest username="\\"', 'Digest realm=r, "']
)
def test_a_quote_that_never_ends_claims_nothing(line: str) -> None:
    request = Request("REGISTER", Uri.parse("sip:r"), Headers([("Authorization", line)]))
    server = DigestServer(DigestSettings("r"), secret=b"s")
    assert server.judge(request, lambda name, algorithm: None, now=0.0).outcome in (Outcome.ABSENT, Outcome.WRONG)
