"""What a leg that is placed tells of the way that its call has come: who passed it on before, and that we do."""

from dataclasses import dataclass
from typing import Final

from softswitch.call.carrier import Carrier
from softswitch.call.numbers import read, write
from softswitch.call.routing import domain
from softswitch.sip import history
from softswitch.sip.history import DIVERSION, HISTORY, Diversions, Forward
from softswitch.sip.uri import Uri

Lines = tuple[tuple[str, str], ...]

_HEADERS = {"diversion": (DIVERSION,), "history_info": (HISTORY,), "both": (DIVERSION, HISTORY), "none": ()}


@dataclass(frozen=True, slots=True)
class Onward:
    """diversions: who passed the call on before it came here. called: the number it came to by a carrier, or empty."""

    diversions: Diversions = Diversions()
    called: str = ""

    @property
    def lines(self) -> Lines:
        """Header lines of an INVITE to anybody but a carrier: what somebody asked to hide is hidden."""
        return history.onward(self.diversions, self.diversions.headers, None, trusted=False)

    def lines_to(self, carrier: Carrier, target: Uri) -> Lines:
        """Header lines of an INVITE that leaves by a carrier, which is told that we pass the call on."""
        headers = _HEADERS.get(carrier.diversion, tuple(self.diversions.headers))
        forward: Forward | None = None
        if self.called:
            number = read(self.called, carrier.country)
            own = write(number, carrier.number_format, carrier.country) if number.e164 else self.called
            forward = Forward(Uri.of(own, domain(carrier)), target, hidden=carrier.privacy)
        return history.onward(self.diversions, headers, forward, trusted=True)


#: Of a call that begins here.
ALONE: Final = Onward()
