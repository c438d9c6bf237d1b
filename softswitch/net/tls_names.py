"""Who a certificate is for, by RFC 5922: the SIP domains that it proves, and whether one of them was expected. Pure."""

import ipaddress
from collections.abc import Iterable

from cryptography import x509
from cryptography.x509.oid import NameOID

from softswitch.errors import RemoteError
from softswitch.sip.uri import Uri

#: Names of one certificate that are looked at: more than any authority signs, and a peer may send what it likes.
MAX_NAMES = 256
#: So many of them are said in words.
MAX_SAID = 3


def names_of(certificate: x509.Certificate) -> tuple[str, ...]:
    """Return the domains that a certificate proves, as `plain` writes them, in the order of RFC 5922 section 7.1.

    A `sip:` URI without a user names a domain; where there is one, DNS names do not count. The common name counts only
    where there is no subjectAltName at all. Addresses are not the RFC's, but who calls by address can ask no more.
    """
    try:
        extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return _common_names(certificate)
    except ValueError:  # an extension that cannot be read proves nothing
        return ()
    domains: list[str] = []
    hosts: list[str] = []
    for name in list(extension.value)[:MAX_NAMES]:
        if isinstance(name, x509.UniformResourceIdentifier):
            if domain := _domain(name.value):
                domains.append(domain)
        elif isinstance(name, x509.DNSName):
            hosts.append(plain(name.value))
        elif isinstance(name, x509.IPAddress):
            hosts.append(plain(str(name.value)))
    return tuple(dict.fromkeys(domains or hosts))


def proves(names: Iterable[str], expected: Iterable[str]) -> bool:
    """Say whether one of the names of a certificate is an expected one: the whole name, and no other (section 7.2).

    `*.example.com` is no SIP domain, and is matched only by who expects exactly that.
    """
    return not {plain(name) for name in expected}.isdisjoint(names)


def plain(name: str) -> str:
    """Return a host name or address in the one form in which two of them can be compared."""
    text = name.strip().rstrip(".").lower()
    if text.startswith("[") and text.endswith("]"):
        text = text[1:-1]
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return text


def said(names: Iterable[str]) -> str:
    """Return names in words, not too many of them."""
    known = list(dict.fromkeys(names))
    more = f" and {len(known) - MAX_SAID} more" if len(known) > MAX_SAID else ""
    return (", ".join(known[:MAX_SAID]) or "nobody") + more


def _domain(text: str) -> str:
    try:
        uri = Uri.parse(text)
    except RemoteError:
        return ""
    # With a user it is a person's, not a domain's (section 7.1 step 2); sips in a certificate means nothing.
    return plain(uri.host) if uri.scheme == "sip" and not uri.user else ""


def _common_names(certificate: x509.Certificate) -> tuple[str, ...]:
    try:
        values = [item.value for item in certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
    except ValueError:
        return ()
    return tuple(plain(value) for value in values[:1] if isinstance(value, str) and value)
