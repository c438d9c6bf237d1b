"""What a user agent is told when it is made."""

from dataclasses import dataclass

from softswitch.legs.guard import OPEN
from softswitch.legs.rtp_media import Patience
from softswitch.legs.signalling import ALLOW, EVENTS, SUPPORTED, LegSettings, named
from softswitch.net.gate import GateSettings
from softswitch.sdp.agreement import Silence
from softswitch.sdp.protection import Encryption
from softswitch.sip.admission import CoreSettings
from softswitch.sip.session_timer import SessionTimerSettings


@dataclass(frozen=True, slots=True)
class UserAgentSettings:
    """public: address and port (0: the local one) for Contact and session descriptions, when behind NAT.

    trusted: networks whose callers may use every rule. agent: our name in Server and User-Agent, empty for neither.
    vigil: seconds between two questions whether a peer on hold is still there, where no session timer tells. guard: who
    may speak to us.
    encryption: of the sound of whoever has none of his own: strangers, and bare SIP URIs.
    comfort_noise: whether we say that we take it; silence: what is sent while nobody speaks.
    patience: with peers that send no sound. reports: whether to say how we hear them (RTCP).
    trace_mib: memory for the SIP messages of calls, 0 to keep none.
    """

    agent: str
    public: tuple[str, int] | None = None
    trusted: tuple[str, ...] = ()
    patience: Patience = Patience(60.0, 60.0)
    reports: bool = True
    session_timer: SessionTimerSettings = SessionTimerSettings()
    vigil: float = 300.0
    encryption: Encryption = Encryption("accept")
    comfort_noise: bool = False
    silence: Silence = "packets"
    trace_mib: float = 0.0
    core: CoreSettings = CoreSettings()
    guard: GateSettings = OPEN


def leg_settings(settings: UserAgentSettings) -> LegSettings:
    """Return what all legs of a user agent share."""
    said = (("Allow", ALLOW), ("Supported", SUPPORTED), ("Allow-Events", EVENTS))
    shared = tuple((name, ", ".join(values)) for name, values in said)
    return LegSettings(
        settings.core.timers,
        settings.session_timer,
        answers=(*named("Server", settings.agent), *shared),
        requests=(*named("User-Agent", settings.agent), *shared),
        vigil=settings.vigil,
    )
