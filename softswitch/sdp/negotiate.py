"""The session of one dialog: offers and answers, one after the other (RFC 3264 section 8)."""

from collections.abc import Callable
from dataclasses import replace

from softswitch.errors import LocalError
from softswitch.sdp import exchange
from softswitch.sdp.agreement import CODECS, Agreement, Capabilities, MediaRefused
from softswitch.sdp.description import DIRECTIONS, Direction, SessionDescription
from softswitch.sdp.exchange import Numbers
from softswitch.sdp.protection import OwnKeys

__all__ = ["CODECS", "DIRECTIONS", "Agreement", "Capabilities", "Direction", "MediaRefused", "Negotiation"]


class Negotiation:
    """The session of one dialog: keeps what RFC 3264 section 8 wants kept from one offer or answer to the next.

    That is: our o= line, whose version grows with each change, the number and order of m= lines, the payload numbers
    already in use, and our keys. Nothing changes when a method raises.
    """

    def __init__(
        self,
        capabilities: Capabilities,
        address: str,
        port: int,
        *,
        session_id: int,
        own: OwnKeys | None = None,
        hidden: Callable[[str], bool] | None = None,
    ) -> None:
        """address: IP literal we receive on, and announce. session_id: some number unique to this session.

        own: our side of the keys; None where the capabilities want no encryption. hidden: tells of an address of the
        peer whether it is behind a NAT, where nothing reaches it before it has sent something.
        """
        self.agreement: Agreement | None = None
        self._capabilities = capabilities
        self._address = address
        self._port = port
        self._session_id = session_id
        self._local: SessionDescription | None = None  # what we said last, offer or answer
        self._index = 0
        self._numbers = Numbers()
        self._own = own or OwnKeys()
        self._hidden = hidden
        self._offered = False
        self._our_offer: tuple[SessionDescription, int] | None = None

    @property
    def offering(self) -> bool:
        """Whether the last offer was ours, so that `accept` may be called."""
        return self._offered

    def reopen(self) -> None:
        """Take our last offer for open again, where a fork answers it that knows nothing of what was agreed since.

        Raises LocalError if we never made one.
        """
        if self._our_offer is None or self._local is None:
            raise LocalError("there is no offer to open again")
        described, self._index = self._our_offer
        self._local = replace(described, origin=self._local.origin)  # the next version is higher than any that was said
        self._offered = True

    def offer(self, direction: Direction = "sendrecv") -> str:
        """Return our offer, the first or the next; `direction` is what we wish (hold: `sendonly`)."""
        described = exchange.offer(
            self._capabilities,
            self._address,
            self._port,
            session_id=self._session_id,
            version=0,
            direction=direction,
            previous=self._local,
            index=self._index,
            numbers=self._numbers,
            own=self._own,
            agreed=self.agreement.protection if self.agreement is not None else None,
        )
        return self._offer(described)

    def repeat(self, direction: Direction = "sendrecv") -> str:
        """Return what we said last as an offer: where `direction` is as it was, word by word, the version included.

        So a refresh of the session timer is seen to change nothing (RFC 4028 section 7.4), and nobody has a reason to
        choose another codec.
        """
        if self._local is None:
            return self.offer(direction)
        media = list(self._local.media)
        kept = tuple(line for line in media[self._index].attributes if line[0] not in DIRECTIONS)
        media[self._index] = replace(media[self._index], attributes=(*kept, (direction, None)))
        return self._offer(replace(self._local, media=tuple(media)))

    def _offer(self, described: SessionDescription) -> str:
        self._offered = True
        said = self._say(described)
        self._our_offer = (said, self._index)
        return str(said)

    def answer(self, offer: bytes | str, direction: Direction = "sendrecv") -> tuple[Agreement, str]:
        """Return what comes of the peer's offer, and our answer to it. Raises RemoteError (400), MediaRefused (488)."""
        agreement, described = exchange.answer(
            self._capabilities,
            SessionDescription.parse(offer),
            self._address,
            self._port,
            session_id=self._session_id,
            version=0,
            direction=direction,
            own=self._own,
            before=self.agreement,
            hidden=self._hidden,
        )
        self._index = next(index for index, medium in enumerate(described.media) if medium.port)
        self._offered = False
        self._agree(agreement)
        return agreement, str(self._say(described))

    def accept(self, answer: bytes | str) -> Agreement:
        """Return what comes of the peer's answer to our last offer; may be called again for a later answer of a fork.

        Raises RemoteError for what the peer got wrong, LocalError if we offered nothing.
        """
        if self._local is None or not self._offered:
            raise LocalError("an answer was accepted without an offer")
        agreement = exchange.accept(
            self._capabilities, self._local, SessionDescription.parse(answer), index=self._index
        )
        self._agree(agreement)
        return agreement

    def _agree(self, agreement: Agreement) -> None:
        self.agreement = agreement
        codecs = dict(self._numbers.codecs) | {codec: payload_type for payload_type, codec in agreement.receive}
        events = dict(self._numbers.events)
        if agreement.event_payload_type is not None:
            events[agreement.event_hz] = agreement.receive_events[0]
        self._numbers = Numbers(tuple(codecs.items()), tuple(events.items()))

    def _say(self, described: SessionDescription) -> SessionDescription:
        """Return `described` under the version it must carry: the last one if nothing else changed (RFC 3264 8)."""
        if self._local is not None:
            version = int(self._local.origin.version)
            if replace(self._local, origin=described.origin) != described:
                version += 1
            described = replace(described, origin=replace(described.origin, version=str(version)))
        self._local = described
        return described
