"""Addresses that mean nothing where they were read: what a peer behind a NAT writes about itself.

A phone in a home network names its 192.168 address in Contact and `c=`; seen from outside, only where its packets come
from leads back to it (RFC 3581, RFC 5626 spirit). An address is hidden when its scope is narrower than that of the
address the message came from.
"""

import ipaddress
from functools import lru_cache

from softswitch.errors import RemoteError
from softswitch.sip.flow import Flow, default_port
from softswitch.sip.headers import Via
from softswitch.sip.message import Request
from softswitch.sip.uri import Uri

#: From the narrowest to the widest: this machine, this link, a private network, everywhere.
_MACHINE, _LINK, _PRIVATE, _EVERYWHERE = range(4)
#: Carrier-grade NAT (RFC 6598): private, though `ipaddress` calls it neither private nor global.
_SHARED = ipaddress.ip_network("100.64.0.0/10")
_BROADCAST = ipaddress.ip_address("255.255.255.255")
#: Documentation networks are used as public addresses in tests and examples, and are private for nobody.
_EXAMPLES = [ipaddress.ip_network(text) for text in ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24")]


def hidden(address: str, seen: str) -> bool:
    """Tell whether `address` cannot be that of somebody whose message came from `seen`: too narrow, or no one's own."""
    mine, theirs = _scope(address), _scope(seen)
    if mine is not None and theirs is not None and _of_many(address):
        return True
    return mine is not None and theirs is not None and mine < theirs


def reached_by(request: Request, flow: Flow, contact: Uri) -> bool:
    """Tell whether a contact is reached by the way its request came, and by no other.

    It is where it cannot be seen from here (a NAT stands between), and where it is the very socket that sent the
    request, as Via says: over a connection always, over UDP where it is symmetric (RFC 3581) or a NAT has changed it.
    """
    if hidden(contact.host, flow.remote[0]):
        return True
    via = request.via
    if flow.reliable:
        return contact.host in (flow.remote[0], via.host)
    return _itself(via, contact) and (via.host != flow.remote[0] or via.rport is not None)


def translated(request: Request, flow: Flow) -> bool:
    """Tell whether a NAT changed the address of who sent this, so that its Contact, a private one, leads nowhere."""
    try:
        via, contact = request.via, request.contact
    except RemoteError:
        return False
    if contact is None or not private(contact.uri.host):
        return False
    return via.host != flow.remote[0] and _itself(via, contact.uri)


def _itself(via: Via, contact: Uri) -> bool:
    port = default_port(via.transport)
    return (contact.host, contact.port or port) == (via.host, via.port or port)


def private(address: str) -> bool:
    """Tell whether an address has no meaning outside of its own network."""
    scope = _scope(address)
    return scope is not None and scope < _EVERYWHERE


@lru_cache(maxsize=1024)
def _of_many(text: str) -> bool:
    """Tell whether an address belongs to many: what a stranger aims there would be answered by all of them."""
    address = ipaddress.ip_address(text.partition("%")[0])
    return address.is_multicast or address == _BROADCAST


@lru_cache(maxsize=1024)
def _scope(text: str) -> int | None:
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    if address.is_loopback or address.is_unspecified:
        return _MACHINE
    if address.is_link_local:
        return _LINK
    if isinstance(address, ipaddress.IPv4Address):
        if any(address in network for network in _EXAMPLES):
            return _EVERYWHERE
        if address in _SHARED:
            return _PRIVATE
    return _PRIVATE if address.is_private else _EVERYWHERE
