"""Telephone numbers: what somebody dialled, read as E.164, and written as a carrier wants it (ITU-T E.164, RFC 3966).

Only a public number is changed. Emergency numbers, short numbers, star codes and internal numbers mean something only
where they are dialled: they are left as they are, whatever format a carrier has.
"""

import enum
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import phonenumbers
from phonenumbers import CountryCodeSource, PhoneNumberFormat

Format = Literal["e164", "digits", "national", "as_dialled"]

#: ISO 3166 codes of the countries whose numbers can be read.
REGIONS: frozenset[str] = frozenset(phonenumbers.SUPPORTED_REGIONS)
#: Longer than any number with its extension; what a peer or a list can make us read.
MAX_LENGTH = 64
#: A number without `+`, `00` or the digit that national numbers begin with is public only from this length on.
#: Internal numbers are shorter; the public numbers of countries that dial without such a digit are not.
LEAST_BARE_DIGITS = 7
#: Digits of an international number (ITU-T E.164) with the longest prefix that is dialled before it.
MAX_DIALLED = 15 + 5
#: The shortest numbers that networks have.
MIN_DIALLED = 3
#: A campaign of that many numbers reads each once; about 2 MB.
_REMEMBERED = 4096

#: What people put between digits (RFC 3966 `visual-separator`, and white space).
_SEPARATORS = re.compile(r"[\s\-.()/\u00a0\u2010-\u2015]+")
#: `+49 (0)30 …`: the zero is for those who dial at home.
_HOME_ZERO = re.compile(r"^(\+[0-9]{1,3})\s*\(0\)")
_DIALABLE = re.compile(r"\+?[0-9*#]+")
_EXTENSION = re.compile(r"(?:ext\.?|extn\.?|x|;ext=|,+)\s*([0-9]{1,11})\s*$", re.IGNORECASE)


class Kind(enum.Enum):
    """What a number is to the network."""

    PUBLIC = "a public number"
    EMERGENCY = "an emergency number"
    SHORT = "a short number"
    CODE = "a star code"
    INTERNAL = "an internal number"
    NAME = "not a number"


@dataclass(frozen=True, slots=True)
class Number:
    """A number as it was dialled (`dialled`, without separators) and as E.164 (empty unless it is public).

    extension: what is dialled after the answer, not by the network. why: a sentence about how it was read.
    """

    dialled: str
    kind: Kind
    e164: str = ""
    extension: str = ""
    why: str = ""

    @property
    def best(self) -> str:
        """E.164 where there is one, else what was dialled: what rules and pools go by."""
        return self.e164 or self.dialled


@lru_cache(maxsize=_REMEMBERED)
def read(text: str, country: str = "") -> Number:
    """Read what somebody dialled, a `tel:` URI included. country: whose national numbers it may be; empty: nobody's."""
    return _read(text, country)


def _read(text: str, country: str) -> Number:
    if len(text) > MAX_LENGTH:
        return Number(text[:MAX_LENGTH], Kind.NAME, why=f"it is longer than {MAX_LENGTH} characters")
    bare, extension = _without_extension(_from_uri(text.strip()))
    # Digits of every script are digits to people: 030 may be typed on a full-width keyboard.
    dialled = "".join(
        str(int(sign)) if sign.isdecimal() else sign for sign in _SEPARATORS.sub("", _HOME_ZERO.sub(r"\1", bare))
    )
    dialled = dialled.replace("\uff0b", "+")
    if not _DIALABLE.fullmatch(dialled):
        return _vanity(bare, dialled, country, extension)
    if "*" in dialled or "#" in dialled:
        return Number(dialled, Kind.CODE, why=f"{dialled} is a star code, which is left as it is")
    if country and phonenumbers.is_emergency_number(dialled, country):
        why = f"{dialled} is an emergency number in {country}, which is sent exactly as it is"
        return Number(dialled, Kind.EMERGENCY, why=why)
    return _number(bare, dialled, country, extension)


@lru_cache(maxsize=_REMEMBERED)
def meanings(number: Number, country: str) -> tuple[Number, ...]:
    """Return a number, and what else a network may take it for: who steals minutes writes what we read otherwise.

    A network stops at the last digit that it needs: what is no number in any plan is one with digits too many. And a
    carrier may be sent what was dialled, which need not be what we made of it.
    """
    found = {number.best: number}
    again = read(number.dialled, country)
    found.setdefault(again.best, again)
    if number.kind is Kind.INTERNAL:
        digits = number.dialled.removeprefix("+")
        bare = f"+{digits.lstrip('0')}" if number.dialled.startswith("+") else digits
        for length in range(min(len(bare), MAX_DIALLED), MIN_DIALLED - 1, -1):
            cut = _read(bare[:length], country)
            # The rest of a public number is cut by whoever asks the plan of its country.
            if cut.kind is Kind.SHORT or (cut.kind is Kind.PUBLIC and not any(one.e164 for one in found.values())):
                found.setdefault(cut.best, cut)
    return tuple(found.values())


def write(number: Number, form: Format, country: str = "") -> str:
    """Return a number as a carrier of that country wants it; only a public one is changed.

    form: `e164` (+4930123456), `digits` (4930123456), `national` (030123456; foreign ones as dialled from `country`),
    `as_dialled`.
    """
    if not number.e164 or form == "as_dialled":
        return number.dialled
    if form == "e164":
        return number.e164
    if form == "digits":
        return number.e164.removeprefix("+")
    parsed = phonenumbers.parse(number.e164)
    if parsed.country_code == phonenumbers.country_code_for_region(country):
        return _signs(phonenumbers.format_number(parsed, PhoneNumberFormat.NATIONAL))
    return _signs(phonenumbers.format_out_of_country_calling_number(parsed, country))


def _from_uri(text: str) -> str:
    """Return the number of a `tel:` URI (RFC 3966 section 3), anything else as it is."""
    scheme, colon, rest = text.partition(":")
    if not colon or scheme.lower() != "tel":
        return text
    number, *params = rest.split(";")
    values = {name.lower(): value for name, _, value in (param.partition("=") for param in params)}
    context = values.get("phone-context", "")
    # A local number says where it is to be read: a prefix, or the name of a private network (section 5.1.5).
    if context.startswith("+") and not number.startswith("+"):
        number = context + number.removeprefix("0")
    return f"{number};ext={values['ext']}" if values.get("ext") else number


def _without_extension(text: str) -> tuple[str, str]:
    found = _EXTENSION.search(text)
    if found is None or not any(sign.isdecimal() for sign in text[: found.start()]):
        return text, ""
    return text[: found.start()], found.group(1)


def _number(bare: str, dialled: str, country: str, extension: str) -> Number:
    parsed = _parsed(bare, country)
    if parsed is None or not phonenumbers.is_possible_number(parsed):
        return _not_public(dialled, country, extension)
    e164 = phonenumbers.format_number(parsed, PhoneNumberFormat.E164)
    if dialled.startswith("+"):
        return Number(dialled, Kind.PUBLIC, e164, extension, f"{dialled} is an international number")
    if parsed.country_code_source == CountryCodeSource.FROM_NUMBER_WITH_IDD:
        why = f"{dialled} begins with the prefix that {country} dials abroad with: {e164}"
        return Number(dialled, Kind.PUBLIC, e164, extension, why)
    if _has_national_prefix(dialled, country) or (
        len(dialled) >= LEAST_BARE_DIGITS and phonenumbers.is_valid_number(parsed)
    ):
        return Number(dialled, Kind.PUBLIC, e164, extension, f"{dialled} is a number of {country}: {e164}")
    return _not_public(dialled, country, extension)


def _not_public(dialled: str, country: str, extension: str) -> Number:
    if dialled.startswith("+"):
        why = f"{dialled} is in no country's numbering plan; it is left as it is"
        return Number(dialled, Kind.INTERNAL, extension=extension, why=why)
    if not country:
        why = f"{dialled} may mean anything without a country; it is left as it is"
        return Number(dialled, Kind.INTERNAL, extension=extension, why=why)
    if phonenumbers.is_valid_short_number(_of(country, dialled)):
        return Number(dialled, Kind.SHORT, why=f"{dialled} is a short number in {country}; it is left as it is")
    why = f"{dialled} is no public number in {country}; it is left as it is"
    return Number(dialled, Kind.INTERNAL, extension=extension, why=why)


def _vanity(bare: str, dialled: str, country: str, extension: str) -> Number:
    """Read letters as the keys they stand on (1-800-FLOWERS), where that makes a valid number."""
    parsed = _parsed(bare, country) if dialled[:1] in "+0123456789" else None
    if parsed is None or not phonenumbers.is_valid_number(parsed):
        return Number(dialled, Kind.NAME, why=f"{dialled} is not a number")
    e164 = phonenumbers.format_number(parsed, PhoneNumberFormat.E164)
    return Number(_signs(dialled), Kind.PUBLIC, e164, extension, f"{dialled} is on the keys of a telephone {e164}")


def _parsed(text: str, country: str) -> phonenumbers.PhoneNumber | None:
    try:
        return phonenumbers.parse(text, country or None, keep_raw_input=True)
    except phonenumbers.NumberParseException:
        return None


def _has_national_prefix(dialled: str, country: str) -> bool:
    prefix = phonenumbers.ndd_prefix_for_region(country, True)
    # One digit that is no prefix but the country's own code (1 in America) does not tell a public number.
    return bool(prefix) and prefix == "0" and dialled.startswith("0") and len(dialled) > 1


def _of(country: str, dialled: str) -> phonenumbers.PhoneNumber:
    code = phonenumbers.country_code_for_region(country)
    zeros = len(dialled) - len(dialled.lstrip("0"))
    return phonenumbers.PhoneNumber(
        country_code=code,
        national_number=int(dialled),
        italian_leading_zero=bool(zeros),
        number_of_leading_zeros=zeros or None,
    )


def _signs(text: str) -> str:
    """Return only the signs that a telephone can dial, letters as the keys they stand on."""
    return phonenumbers.normalize_diallable_chars_only(phonenumbers.convert_alpha_characters_in_number(text))
