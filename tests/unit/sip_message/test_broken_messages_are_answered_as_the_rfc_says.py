"""What is wrong with a message decides its answer: 400, 505, 513; and whether it can be answered at all."""

from collections.abc import Callable

import pytest

from softswitch.sip.parser import MessageError, parse_message

Invite = Callable[..., bytes]
URI = "sip:600@192.0.2.9"


def fault(data: bytes, *, stream: bool = False) -> MessageError:
    with pytest.raises(MessageError) as caught:
        parse_message(data, stream=stream)
    return caught.value


@pytest.mark.parametrize("name", ["Via", "From", "To", "Call-ID", "CSeq"])
def test_a_missing_mandatory_header(invite: Invite, name: str) -> None:
    error = fault(invite(without=(name,)))
    assert error.status == 400 and error.kind == "missing_" + name.lower().replace("-", "_")
    assert (error.request is None) == (name in ("Via", "CSeq")), "without them no answer finds its way"


@pytest.mark.parametrize(
    ("line", "without", "kind"),
    [
        ("CSeq: 1 ACK", "CSeq", "cseq_mismatch"),
        ("CSeq: 36893488147419103232 INVITE", "CSeq", None),
        ("CSeq: one INVITE", "CSeq", None),
        ("Content-Length: -999", "", "bad_content_length"),
        ("Content-Length: 9999", "", "body_too_short"),
        ("Max-Forwards: 300", "Max-Forwards", "bad_max_forwards"),
        ("Max-Forwards: many", "Max-Forwards", "bad_max_forwards"),
        ('To: "Mr. J. User <sip:j.user@example.com>', "To", None),
        ("From: <sip:a@b>;tag=2", "", "repeated_header"),
        ("Contact: <sip:", "Contact", None),
        ("Route: ,nonsense<", "", None),
        ("a header without its mark", "", "bad_header"),
        ("Bad\tName: x", "", "bad_header"),
        ("Subject: a\rb", "", "stray_cr"),
    ],
)  # fmt: skip
def test_a_broken_header_is_400_and_can_be_answered(invite: Invite, line: str, without: str, kind: str | None) -> None:
    error = fault(invite(line, without=(without,)))
    assert error.status == 400 and (kind is None or error.kind == kind), error.kind
    assert error.request is not None
    assert b"branch=z9hG4bK-1" in bytes(error.request.reply(400, to_tag="t"))


@pytest.mark.parametrize(
    "start",
    [
        f"INVITE  {URI} SIP/2.0",
        f"INVITE {URI}  SIP/2.0",
        f"INVITE {URI} SIP/2.0 ",
        f"INVITE <{URI}> SIP/2.0",
        "INVITE sip:user@exam ple.com SIP/2.0",
        f"INVITE {URI} HTTP/1.1",
        f"INVITE {URI}",
    ],
)
def test_a_broken_request_line_is_400(invite: Invite, start: str) -> None:
    error = fault(invite(start=start))
    assert error.status == 400 and error.request is not None


def test_another_version_is_505(invite: Invite) -> None:
    error = fault(invite(start=f"INVITE {URI} SIP/7.0"))
    assert error.status == 505 and error.request is not None


@pytest.mark.parametrize("start", ["SIP/2.0 99 X", "SIP/2.0 4294967301 better not", "SIP/2.0 700 X", "SIP/2.0 2x0 X"])
def test_a_broken_response_is_dropped(invite: Invite, start: str) -> None:
    assert fault(invite(start=start)).request is None


def test_limits_have_answers(invite: Invite) -> None:
    large = fault(invite("Subject: " + "x" * 40_000))
    assert (large.kind, large.status) == ("head_too_large", 513)
    assert large.request is not None and large.request.headers.get("Call-ID"), "what was read of it leads back"
    assert fault(invite(*["Subject: x"] * 300)).kind == "too_many_headers"
    assert fault(b"x" * 70_000).kind == "message_too_large"


def test_a_stream_needs_content_length(invite: Invite) -> None:
    assert fault(invite(), stream=True).kind == "missing_content_length"
