"""What a section of `softswitch.yaml` is; who may speak to us at all; what is recorded."""

import importlib.util
import ipaddress
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import pydantic

if TYPE_CHECKING:
    from softswitch.apps.recordings import RecordingSettings


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
    peer_messages of one whom we are on a call with, known_requests and known_messages of a carrier or a registered
    telephone. ban_points: how many points of offences
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
    peer_messages: float = pydantic.Field(default=200.0, gt=0)
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


class RecordingSection(Section):
    """recording: sound of calls that is kept.

    all: record every call from its answer on, but for those whose rule asks for consent. folder: where, in the data
    folder unless it is absolute. format: wav or opus. rate_hz: 8000, or 16000 for wideband codecs. key: 32 octets as
    base64 or hexadecimal digits; files are encrypted with it. retention_days: files that are older are deleted; 0: none
    are. min_free_mib: recordings end, and none begins, where less is free on the disk.
    """

    all: bool = False
    folder: Path = Path("recordings")
    format: Literal["wav", "opus"] = "wav"
    rate_hz: Literal[8000, 16000] = 8000
    key: pydantic.SecretStr = pydantic.SecretStr("")
    retention_days: float = pydantic.Field(default=0.0, ge=0, le=36_500)
    min_free_mib: int = pydantic.Field(default=100, ge=0)

    @pydantic.field_validator("format")
    @classmethod
    def _can_be_written(cls, value: str) -> str:
        if value == "opus" and importlib.util.find_spec("av") is None:
            raise ValueError("opus is written by PyAV, which is not installed: pip install av")
        return value

    @pydantic.field_validator("key", mode="before")
    @classmethod
    def _may_be_unset(cls, value: object) -> object:
        return "" if value is None else value  # what `${NAME:-}` leaves

    @pydantic.field_validator("key")
    @classmethod
    def _is_a_key(cls, value: pydantic.SecretStr) -> pydantic.SecretStr:
        if value.get_secret_value():
            from softswitch.apps.sealed import read_key

            read_key(value.get_secret_value())
        return value

    def for_deck(self, data: Path) -> "RecordingSettings":
        """Return what the writer of recordings goes by. data: the data folder."""
        from softswitch.apps.recordings import RecordingSettings
        from softswitch.apps.sealed import read_key

        text = self.key.get_secret_value()
        key = read_key(text) if text else b""
        room, folder = self.min_free_mib << 20, data / self.folder
        return RecordingSettings(folder, data, self.format, self.rate_hz, key, self.retention_days, room)
