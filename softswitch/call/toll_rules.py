"""What may be called over a carrier, and how much: rules against toll fraud as users write them, and their verdict.

Three kinds of rules apply to a call: those of the user who causes it, of the carrier it goes by, and of everybody. All
of them must let it pass. This file knows the number alone; `toll.py` counts.
"""

import re
import zoneinfo
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Annotated, Any, Final, Literal

import phonenumbers
import pydantic
from phonenumbers import PhoneNumberType
from phonenumbers.shortnumberinfo import ShortNumberCost

from softswitch.call.carrier import Prefix
from softswitch.call.numbers import REGIONS, Kind, Number, meanings

NumberType = Literal["premium_rate", "shared_cost", "satellite", "personal", "uan", "star_code"]

#: Satellite networks and international networks without a country: minutes there cost several times any country's.
_SATELLITE: Final = ("870", "878", "881", "882", "883")
#: International premium rate (ITU-T E.169.2), which the numbering plans list as no country's.
_INTERNATIONAL_PREMIUM: Final = "979"
#: Digits of an international number (ITU-T E.164), and of the shortest that a plan has.
_MAX_E164: Final = 15
_MIN_E164: Final = 5

_TYPES: Final[Mapping[int, NumberType]] = {
    PhoneNumberType.PREMIUM_RATE: "premium_rate",
    PhoneNumberType.SHARED_COST: "shared_cost",
    PhoneNumberType.PERSONAL_NUMBER: "personal",
    PhoneNumberType.UAN: "uan",
}
_WORDS: Final[Mapping[NumberType, str]] = {
    "premium_rate": "premium-rate numbers",
    "shared_cost": "shared-cost numbers",
    "satellite": "satellite and international networks",
    "personal": "personal numbers",
    "uan": "company-wide numbers",
    "star_code": "star codes, which a carrier may take for an order to forward calls,",
}
#: A campaign of that many numbers reads each once.
_REMEMBERED: Final = 4096


def _country(value: str) -> str:
    if value not in REGIONS:
        raise ValueError(f"{value!r} is not a country; write its two letters (ISO 3166), as in DE")
    return value


def _countries(value: Any) -> Any:
    """Norway's code is `no`, which YAML reads as false."""
    return ["NO" if one is False else one for one in value] if isinstance(value, list) else value


def _zone(value: str) -> str:
    try:
        zoneinfo.ZoneInfo(value)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError) as error:
        raise ValueError(f"{value!r} is not a time zone; write it as in Europe/Berlin") from error
    return value


def _signs(value: Any) -> Any:
    if isinstance(value, list) and any(isinstance(one, int) for one in value):
        raise ValueError("a prefix is +49, or in quotes what is dialled begins with, as in '0900'")
    return value


Prefixes = Annotated[tuple[Prefix, ...], pydantic.Field(max_length=10_000), pydantic.BeforeValidator(_signs)]
Country = Annotated[str, pydantic.AfterValidator(_country)]
Countries = Annotated[tuple[Country, ...], pydantic.BeforeValidator(_countries)]


class TollLimits(pydantic.BaseModel):
    """What one user, one carrier or everybody may call. `docs/security.md` explains each key; null lifts a limit."""

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True)

    allow: Prefixes = ()
    deny: Prefixes = ()
    countries: Countries = ()
    deny_countries: Countries = ()
    deny_types: tuple[NumberType, ...] = ()
    max_calls: int | None = pydantic.Field(default=None, ge=0)
    max_calls_hour: int | None = pydantic.Field(default=None, ge=0, le=100_000)
    max_calls_day: int | None = pydantic.Field(default=None, ge=0)
    max_minutes_day: float | None = pydantic.Field(default=None, ge=0)

    def refusal(self, number: Number, country: str) -> str:
        """Return why a number may not be called, empty where it may.

        country: where short numbers are dialled. Of the prefixes the longest counts; one in `allow` opens what
        countries and types would close. Emergency numbers are always open.
        """
        if number.kind is Kind.EMERGENCY:
            return ""
        written = self._written(number)
        if written is not None:
            return written
        others = (one for one in meanings(number, country) if one != number)
        reasons = (f"a network may take it for {one.best}: {why}" for one in others if (why := self._why(one, country)))
        return self._natural(number, country) or next(reasons, "")

    def _why(self, number: Number, country: str) -> str:
        written = self._written(number)
        return self._natural(number, country) if written is None else written

    def _written(self, number: Number) -> str | None:
        """Return what the prefixes say: why not, nothing where one opens it, None where none is about it."""
        allowed, denied = _longest(self.allow, number.best), _longest(self.deny, number.best)
        if denied and len(denied) >= len(allowed):
            return f"numbers that begin with {denied} are denied"
        return "" if allowed else None

    def _natural(self, number: Number, country: str) -> str:
        """Return why a number may not be called for what it is: its type, and where it is."""
        where, kind = _nature(number, country)
        if kind in self.deny_types:
            return f"{_WORDS[kind]} are denied"
        if where in self.deny_countries:
            return f"numbers of {where} are denied"
        if self.countries and where not in self.countries:
            return f"numbers of {where} are not among those allowed" if where else "it is in no country that is allowed"
        if self.allow and not self.countries:
            return "it begins with no prefix that is allowed"
        return ""


class UserLimits(TollLimits):
    """What one user may call where nothing else is written: more than a person dials, and not what thieves call."""

    deny_types: tuple[NumberType, ...] = ("premium_rate", "satellite", "star_code")
    max_calls: int | None = pydantic.Field(default=10, ge=0)
    max_calls_hour: int | None = pydantic.Field(default=120, ge=0, le=100_000)
    max_calls_day: int | None = pydantic.Field(default=1000, ge=0)
    max_minutes_day: float | None = pydantic.Field(default=1500.0, ge=0)


class TollSection(pydantic.BaseModel):
    """toll: what may be called over carriers. timezone: whose midnight begins the day.

    each_user: for every user; users: by name, what is different for one. each_carrier, carriers: likewise. everybody:
    all calls over carriers together.
    """

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True)

    timezone: Annotated[str, pydantic.AfterValidator(_zone)] = "UTC"
    each_user: UserLimits = UserLimits()
    users: dict[str, TollLimits] = {}
    each_carrier: TollLimits = TollLimits()
    carriers: dict[str, TollLimits] = {}
    everybody: TollLimits = TollLimits()

    def limits(self, user: str, carrier: str, own: TollLimits | None = None) -> Iterator[tuple[str, str, TollLimits]]:
        """Yield whose rules apply to a call: `user`, `carrier` or `everybody`, its name, and the rules.

        own: what stands in the entry of the user itself, before what stands here.
        """
        if user:
            yield "user", user, _with(_with(self.each_user, self.users.get(user)), own)
        yield "carrier", carrier, _with(self.each_carrier, self.carriers.get(carrier))
        yield "everybody", "", self.everybody


def _with(defaults: TollLimits, own: TollLimits | None) -> TollLimits:
    """Return rules with what is written for one instead; a key that is not written stays as it is for all."""
    return defaults.model_copy(update={key: getattr(own, key) for key in own.model_fields_set}) if own else defaults


def _longest(prefixes: Iterable[str], number: str) -> str:
    return max((prefix for prefix in prefixes if number.startswith(prefix)), key=len, default="")


@lru_cache(maxsize=_REMEMBERED)
def _nature(number: Number, country: str) -> tuple[str, NumberType | None]:
    """Return the country of a number, empty for none, and the type that a rule could deny."""
    if number.kind is Kind.CODE:
        return country, "star_code"
    if number.kind is Kind.SHORT:
        short = phonenumbers.parse(number.dialled, country)
        dear = phonenumbers.expected_cost_for_region(short, country) == ShortNumberCost.PREMIUM_RATE
        return country, "premium_rate" if dear else None
    digits = number.best.removeprefix("+")
    if digits == number.best:  # of this house, or of a country that nobody has told us
        return "", None
    if digits.startswith(_INTERNATIONAL_PREMIUM):
        return "", "premium_rate"
    if digits.startswith(_SATELLITE):
        return "", "satellite"
    return _in_plan(digits)


def _in_plan(digits: str) -> tuple[str, NumberType | None]:
    """Return country and type of an international number by the numbering plans, whatever hangs on behind it.

    Carriers ignore digits too many, and those who steal minutes know it: the number is cut until it is one.
    """
    where = ""
    for length in range(min(len(digits), _MAX_E164), _MIN_E164 - 1, -1):
        try:
            parsed = phonenumbers.parse(f"+{digits[:length]}")
        except phonenumbers.NumberParseException:
            continue
        where = where or _region(parsed)
        kind = phonenumbers.number_type(parsed)
        if kind != PhoneNumberType.UNKNOWN:
            return phonenumbers.region_code_for_number(parsed) or where, _TYPES.get(kind)
    return where, None


def _region(number: phonenumbers.PhoneNumber) -> str:
    """Return the country of a number that nobody has: such numbers are called, too, for a share of the price.

    Where countries share a code, as +1, their first digits tell.
    """
    national = phonenumbers.national_significant_number(number)
    regions: tuple[str, ...] = phonenumbers.region_codes_for_country_code(number.country_code or 0)
    for region in regions[1:]:
        metadata = phonenumbers.PhoneMetadata.metadata_for_region(region)
        if metadata is not None and metadata.leading_digits and re.match(metadata.leading_digits, national):
            return region
    return regions[0] if regions else ""
