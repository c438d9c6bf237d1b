"""How programs give themselves away that look for switches to break into: pure, one table.

They are asked for before a message is parsed, of requests of strangers only, and of so few a second that the search
costs nothing. A scanner that is written with care says none of this: what it does then (wrong passwords, numbers that
are closed, many requests) is what it is known by.
"""

import re
from typing import Final

#: What stands in a User-Agent, in lower case -> whose it is. No telephone and no switch calls itself so.
SIGNATURES: Final = {
    b"friendly-scanner": "SIPVicious, as it names itself by default",
    b"friendly-request": "a variant of SIPVicious",
    b"sipvicious": "SIPVicious",
    b"sipcli": "sipcli, which dials premium numbers through whoever lets it",
    b"sip-scan": "sip-scan",
    b"sipscan": "sip-scan",
    b"sundayddr": "a worm that guesses accounts",
    b"vaxsipuseragent": "a dialler built on VaxVoIP, used for toll fraud",
    b"vaxipuseragent": "the same, as it is often misspelt",
    b"pplsip": "SIPPTS, by its elder name",
    b"sippts": "SIPPTS",
    b"mr.sip": "Mr.SIP",
    b"sivus": "SiVuS",
    b"sipbomber": "SIPBomber",
}

#: Only so much of a message is looked through: User-Agent stands in the head, and heads of telephones are shorter.
LOOKED_AT_BYTES: Final = 4096

_AGENT: Final = re.compile(rb"\nUser-Agent[ \t]*:[ \t]*([^\r\n]{1,256})", re.IGNORECASE)
#: Extension 100 is where SIPVicious begins to ask, under a display name of its own.
_FIRST_ASKED: Final = b"OPTIONS sip:100@"
_OWN_NAME: Final = b'"sipvicious"'


def scanner(request: bytes) -> str:
    """Return which scanner a request is from, empty where nothing says so."""
    head = request[:LOOKED_AT_BYTES]
    found = _AGENT.search(head)
    if found is not None:
        agent = found[1].lower()
        for signature, name in SIGNATURES.items():
            if signature in agent:
                return name
    return SIGNATURES[b"sipvicious"] if _OWN_NAME in head else ""


def asks_for_extensions(request: bytes) -> bool:
    """Tell whether a request asks for the extension that scanners ask for first; an honest one may have it, too."""
    return request.startswith(_FIRST_ASKED)
