"""An inbound call, as the switchboard is offered it."""

import datetime
from dataclasses import dataclass

from softswitch.call.cause import Cause
from softswitch.call.dialplan import Query
from softswitch.call.leg import LegId
from softswitch.call.onward import Onward
from softswitch.call.record import Parties
from softswitch.call.stage import MAX_HOPS
from softswitch.call.story import Kind
from softswitch.call.who import Who
from softswitch.sip.history import Diversions
from softswitch.sip.vouching import Verdict


@dataclass(frozen=True, slots=True)
class Offer:
    """An inbound call as the user agent understood it.

    trusted: authenticated, or from this machine. refusal: the leg cannot become a call, for this cause. carrier: the
    trunk it came by, empty for none. uri: the Request-URI. hops: its Max-Forwards. user: one of ours, proved.
    replaces: the leg of ours whose place it takes. verdict: on its signature, None where nobody asked for one.
    diversions: who passed it on before.
    """

    leg: LegId
    number: str
    caller: str
    trusted: bool
    refusal: Cause | None = None
    carrier: str = ""
    uri: str = ""
    hops: int = MAX_HOPS
    user: str = ""
    replaces: LegId = ""
    verdict: Verdict | None = None
    diversions: Diversions = Diversions()

    def query(self, wall: datetime.datetime) -> Query:
        """Return what the dialplan is asked."""
        return Query(self.number, self.caller, self.carrier, self.uri, self.trusted, wall, self.signed)

    @property
    def signed(self) -> str:
        """What came of its signature, empty where nobody asked for one."""
        return self.verdict.result if self.verdict is not None else ""

    @property
    def onward(self) -> Onward:
        """What the legs that are placed for it tell of its way."""
        return Onward(self.diversions, self.number if self.carrier else "")

    @property
    def parties(self) -> Parties:
        """Who calls whom."""
        return Parties("inbound", self.caller, self.number, self.carrier)

    @property
    def who(self) -> Who:
        """What is known of who calls."""
        return Who(self.user, self.carrier, self.trusted)

    @property
    def kind(self) -> Kind:
        """What kind of party calls."""
        return "user" if self.user else "carrier" if self.carrier else "phone"

    def marks(self) -> dict[str, str]:
        """Return what the record keeps of its signature."""
        verdict = self.verdict
        if verdict is None:
            return {}
        found = {"verstat": verdict.verstat, "attest": verdict.attest, "origid": verdict.origid, "stir": verdict.words}
        return {name: value for name, value in found.items() if value}
