"""What a registrar's refusal means: whether another try makes sense, when, and a sentence that says what to do."""

import re
from dataclasses import dataclass

from softswitch.sip.auth import challenges_in
from softswitch.sip.binding import MAX_EXPIRES, seconds
from softswitch.sip.grammar import readable
from softswitch.sip.message import Response

#: Retry-After is honoured within these seconds: not at once, and not never.
RETRY_AFTER = (10.0, 3600.0)
#: Characters of a peer's words that go into ours.
MAX_WORDS = 80
#: Realms that a sentence names.
MAX_NAMED = 3

_DIGITS = re.compile(r"[0-9]{1,10}")


@dataclass(frozen=True, slots=True)
class Account:
    """Who asked, for the sentences. address: the address of record. username, realm: as in carriers.yaml, or empty."""

    address: str
    username: str
    realm: str


def wrong_credentials(response: Response, account: Account, who: str) -> tuple[bool, str]:
    """Return whether a 401, 403 or 407 that nobody can answer blames the credentials, and what to do about it.

    who: address of the registrar. False: another try later may do, as after nonsense in the challenge.
    """
    if response.status == 403:
        user = account.username or account.address
        return True, (
            f"{who} refuses user name {user!r} ({said(response)}): check username and password in carriers.yaml, and "
            "ask the carrier whether this address may register"
        )
    challenges = challenges_in(response)
    known = [challenge for challenge in challenges if challenge.answerable]
    if not known:
        names = ", ".join(clean(challenge.algorithm) for challenge in challenges[:MAX_NAMED])
        return False, f"{who} wants authentication that we do not speak ({names or 'no challenge can be read'})"
    realms = " and ".join(list(dict.fromkeys(repr(clean(challenge.realm)) for challenge in known))[:MAX_NAMED])
    if not account.username:
        return True, f"{who} wants a password for realm {realms}: set username and password in carriers.yaml"
    if account.realm and all(challenge.realm != account.realm for challenge in known):
        return True, (
            f"{who} asks for realm {realms}, but carriers.yaml says {account.realm!r}: correct realm there, or leave "
            "it out"
        )
    if all(challenge.stale for challenge in known):
        return False, f"{who} calls each answer to its challenge stale"
    return True, (
        f"{who} refuses user name {account.username!r} in realm {realms}: check username and password in carriers.yaml"
    )


def turned_down(response: Response, account: Account, who: str) -> str:
    """Return the sentence for any other answer that is no success."""
    why = f"{who} answers {said(response)}"
    if response.status < 400:  # it could send our credentials anywhere, so the user decides (section 8.1.3.4)
        place = clean(response.headers.get("Contact") or "nowhere")
        return f"{why} and sends us to {place}: if that is right, set it as host in carriers.yaml"
    if response.status == 404:
        return f"{why}: it does not know {account.address}; check username and host in carriers.yaml"
    return why


def longer_interval(response: Response, asked: int, who: str) -> tuple[int, str]:
    """Return the expiry that a 423 wants, 0 where that is nothing to go by, and the sentence for giving up."""
    least = seconds(response.headers.get("Min-Expires"))
    if least is None:
        return 0, f"{who} finds {asked} s too short (423) and does not say what it wants (Min-Expires)"
    if least > MAX_EXPIRES:
        return 0, f"{who} wants registrations of at least {least} s, which is absurd (423)"
    return least if least > asked else 0, f"{who} finds {asked} s too short (423) although it asks for {least} s"


def retry_after(response: Response) -> float | None:
    """Return the bounded seconds of Retry-After, which a comment and parameters may follow (section 20.33)."""
    digits = _DIGITS.match(response.headers.get("Retry-After") or "")
    low, high = RETRY_AFTER
    return min(max(float(digits[0]), low), high) if digits else None


def said(response: Response) -> str:
    """Return status and reason phrase."""
    return f"{response.status} {clean(response.reason)}".rstrip()


def clean(text: str) -> str:
    """Return a peer's words so that a terminal, a log and a table can hold them."""
    return "".join(char if char.isprintable() else "?" for char in readable(text))[:MAX_WORDS]
