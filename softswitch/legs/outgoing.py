"""Requests of ours on their way: whose each one is, and the answer to a challenge (RFC 3261 section 22.2).

A request that is challenged goes out once more with credentials, under a new CSeq; its owner is told the new key and
sees only the last response. An INVITE stays in the book after its 2xx until its leg is forgotten: copies come up too.
"""

from dataclasses import dataclass

from softswitch.legs.signalling import Requester
from softswitch.sip.auth import DigestClient, Verdict
from softswitch.sip.dialog import Dialog
from softswitch.sip.flow import Flow
from softswitch.sip.message import Request, Response
from softswitch.sip.transaction import Key

#: Challenges that one request may meet: two realms on the way and a stale nonce in each. More is a loop.
MAX_CHALLENGES = 4


@dataclass(slots=True)
class Sent:
    """A request of ours. auth: None where nobody answers a challenge. dialog: counts its CSeq."""

    request: Request
    flow: Flow
    owner: Requester
    auth: DigestClient | None
    dialog: Dialog | None
    challenges: int = 0


class Outgoing:
    """The book of requests that have an owner."""

    def __init__(self) -> None:
        self._sent: dict[Key, Sent] = {}

    def __len__(self) -> int:
        return len(self._sent)

    def put(self, key: Key, sent: Sent) -> None:
        """Enter a request under the key of its transaction."""
        self._sent[key] = sent

    def drop(self, key: Key) -> None:
        """Strike a request whose owner wants to know no more."""
        self._sent.pop(key, None)

    def give_up(self, key: Key) -> None:
        """Answer no challenge of this request any more: nobody wants what it asks for."""
        sent = self._sent.get(key)
        if sent is not None:
            sent.auth = None

    def failed(self, key: Key) -> Requester | None:
        """Return the owner of a request whose transaction is over without a final response; None: nobody's."""
        sent = self._sent.pop(key, None)
        return sent.owner if sent is not None else None

    def answered(self, key: Key, response: Response) -> Sent | None:
        """Return whose request this response belongs to; None: nobody's."""
        sent = self._sent.get(key)
        if sent is not None and response.status >= 200 and (sent.request.method != "INVITE" or response.status >= 300):
            del self._sent[key]
        return sent

    @staticmethod
    def again(sent: Sent, response: Response) -> Request | None:
        """Return the request to send instead, with credentials; None where the response is the owner's to see."""
        if response.status not in (401, 407) or sent.auth is None or sent.challenges >= MAX_CHALLENGES:
            return None
        if sent.auth.challenged(sent.request, response) is not Verdict.RETRY:
            return None
        sent.challenges += 1
        request = sent.request.copy()
        number = request.cseq.number + 1
        if sent.dialog is not None:
            number = sent.dialog.local_cseq = sent.dialog.local_cseq + 1
        request.headers.set("CSeq", f"{number} {request.method}")
        sent.auth.authorize(request)
        return request
