"""What a section of `softswitch.yaml` is, and the one that says who may speak to us at all."""

import ipaddress

import pydantic


def networks(value: tuple[str, ...]) -> tuple[str, ...]:
    """Check that each is a network; ValueError with a sentence otherwise."""
    for network in value:
        ipaddress.ip_network(network)
    return value


class Section(pydantic.BaseModel):
    """A part of the configuration: no unknown keys, no change after loading."""

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class GuardSection(Section):
    """guard: who may speak SIP to us, and how much; networks in `sip.trusted` may always.

    enabled: false listens to everybody. deny: networks never listened to. allow: where it names any, only they, those
    who are known, and trusted networks are listened to. known: networks that are never banned and may say as much as a
    carrier, such as a proxy in front; they are believed nothing. Rates are a second, five seconds' worth may come at
    once: requests (new ones) and messages of one stranger, all_requests and all_messages of all strangers together,
    known_requests and known_messages of a carrier or a registered telephone. ban_points: how many points of offences
    are a ban. forgive_seconds: until one of them is forgiven. ban_seconds: the first ban; each further one takes twice
    the time, up to ban_max_seconds. calls: of one stranger at once; all_calls: of all strangers together.
    """

    enabled: bool = True
    allow: tuple[str, ...] = ()
    deny: tuple[str, ...] = ()
    known: tuple[str, ...] = ()
    requests: float = pydantic.Field(default=10.0, gt=0)
    messages: float = pydantic.Field(default=50.0, gt=0)
    all_requests: float = pydantic.Field(default=200.0, gt=0)
    all_messages: float = pydantic.Field(default=1000.0, gt=0)
    known_requests: float = pydantic.Field(default=500.0, gt=0)
    known_messages: float = pydantic.Field(default=5000.0, gt=0)
    ban_points: float = pydantic.Field(default=30.0, ge=1)
    forgive_seconds: float = pydantic.Field(default=2.0, gt=0)
    ban_seconds: float = pydantic.Field(default=60.0, ge=1)
    ban_max_seconds: float = pydantic.Field(default=3600.0, ge=1)
    calls: int = pydantic.Field(default=10, ge=0)
    all_calls: int = pydantic.Field(default=200, ge=0)

    @pydantic.field_validator("allow", "deny", "known")
    @classmethod
    def _networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return networks(value)
