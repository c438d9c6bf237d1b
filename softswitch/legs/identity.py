"""Whose a new call is: of a carrier, of a user, of a network that is believed, of a stranger, or of nobody yet.

The rules, in this order
------------------------
1. A carrier that is known by its address is that carrier; one whose entry wants credentials as well, or instead, has to
   give them.
2. Credentials for our realm are judged, wherever they come from. Right ones make the call that user's, or that
   carrier's; wrong ones get a fresh challenge.
3. Somebody who says he is a user of ours has to prove it. From a network that is not believed, everybody has to who
   claims an address of ours at all, whether there is such a user or not: who asks learns nothing by it.
4. A network that is believed needs no more.
5. A stranger gets what the dialplan opens to strangers. Whatever else he asks for gets a challenge, if there is anybody
   who could answer one, whether the number exists or not.

ACK and CANCEL never come here, and neither does anything inside a dialog: who has been let in once is not asked again.
"""

from collections.abc import Callable
from typing import Protocol

from softswitch.call.dialplan import Query
from softswitch.call.user import User
from softswitch.errors import RemoteError
from softswitch.legs.callers import MAX_NAME
from softswitch.legs.proof import Proof
from softswitch.legs.signalling import Known, Refusal
from softswitch.sip.flow import Flow
from softswitch.sip.headers import NameAddr
from softswitch.sip.message import Request


class Carriers(Protocol):
    """Who knows which calls are those of carriers."""

    def identify(self, request: Request, flow: Flow) -> Known | None:
        """Return the carrier that a call comes from by its address, None for any other."""

    def known_as(self, carrier: str) -> Known | None:
        """Return how calls of a carrier are to be, None where there is none of that name."""

    def recognise(self, carrier: str) -> str:
        """Return what a carrier is known by: `address`, `credentials` or `both`."""


class Identity:
    """Tells whose calls are. on_offence: told who did wrong by what flow, and of what kind that was."""

    def __init__(
        self,
        proof: Proof,
        carriers: Carriers,
        *,
        trusts: Callable[[Flow], bool],
        ours: Callable[[str, Flow], bool],
        opens: Callable[[Query], bool],
    ) -> None:
        """trusts: whether the word of who speaks by a way is believed. ours: whether a host in an address is us, as who
        speaks by that way sees it. opens: whether the dialplan serves a call.
        """
        self.on_offence: Callable[[Flow, str], None] = _nobody_counts
        self._proof = proof
        self._carriers = carriers
        self._trusts = trusts
        self._ours = ours
        self._opens = opens

    def identify(self, request: Request, flow: Flow) -> Known | Refusal | None:
        """Return whose an INVITE is, None for one of whom nothing is known, or what it is refused with."""
        by_address = self._carriers.identify(request, flow)
        needs = self._carriers.recognise(by_address.carrier) if by_address is not None else "address"
        if by_address is not None and needs == "address":
            return by_address
        proved = self._proof.judge(request, flow)
        match proved:
            case Refusal():
                return proved
            case User():
                return _of_user(proved)
            case str():
                return self._of_carrier(proved, by_address)
        if by_address is not None:
            return self._proof.ask(flow)
        return self._unproved(request, flow)

    def _open(self, request: Request, who: str) -> bool:
        """Tell whether the dialplan serves a call of a stranger."""
        number, uri = request.uri.username[:MAX_NAME], str(request.uri)
        return self._opens(Query(number, who[:MAX_NAME], uri=uri, trusted=False))

    def _of_carrier(self, name: str, by_address: Known | None) -> Known | Refusal | None:
        """Return a carrier that has given its credentials; `both` wants them from its own address."""
        if self._carriers.recognise(name) == "both" and (by_address is None or by_address.carrier != name):
            return Refusal(403, why=f"carrier {name} gave its credentials, but not from an address of its own")
        return self._carriers.known_as(name)

    def _unproved(self, request: Request, flow: Flow) -> Refusal | None:
        trusted = self._trusts(flow)
        who, host = _from(request)
        if not self._proof.anybody:  # the dialplan answers, and what it has not opened does not exist
            if not trusted and not self._open(request, who):
                self.on_offence(flow, "closed_number")
            return None
        if self._ours(host, flow) and (not trusted or self._proof.book.find(who) is not None):
            return self._proof.ask(flow)
        if trusted:
            return None
        if self._open(request, who):
            return None
        if not self._proof.proved(flow.remote[0]):  # a carrier asks once without credentials before each call
            self.on_offence(flow, "closed_number")
        return self._proof.ask(flow)


def _of_user(user: User) -> Known:
    return Known(
        "",
        user=user.name,
        caller=user.identity,
        codecs=user.offered,
        dtmf=user.dtmf,
        encryption=user.encryption,
    )


def _from(request: Request) -> tuple[str, str]:
    """Return user and host of From; empty where it is an address of another kind."""
    try:
        uri = NameAddr.parse(request.headers.get("From") or "").uri
    except RemoteError:
        return "", ""
    return uri.username, uri.host


def _nobody_counts(_flow: Flow, _kind: str) -> None:
    """Count nothing."""
