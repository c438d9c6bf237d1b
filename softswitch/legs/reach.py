"""How peers reach us, and we them: the address we write into Contact and session descriptions, the way of a request.

Behind a NAT two addresses are ours. A peer on our side of it is given the local one, any other the public one.
"""

from softswitch.errors import ResourceError
from softswitch.legs import nat
from softswitch.net.address import family, unspecified
from softswitch.net.sip_socket import SipSockets
from softswitch.sip.dialog import Dialog
from softswitch.sip.flow import Flow
from softswitch.sip.uri import Uri

DEFAULT_PORT = 5060


class Reach:
    """Addresses of one user agent. public: our address and port as seen from outside, by configuration or STUN."""

    def __init__(self, sockets: SipSockets, media_host: str, public: tuple[str, int] | None) -> None:
        self.public = public
        self._sockets = sockets
        self._media_host = media_host

    def flow(self, transport: str, host: str, port: int) -> Flow:
        """Return the way to an address; ResourceError where we have no socket for it. host: an IP literal."""
        host = "127.0.0.1" if host == "localhost" else host
        if family(host) is None:
            raise ResourceError(f"{host} is not an IP address; it has to be resolved first")
        return self._sockets.flow_to(transport.upper(), (host, port))

    def flow_to(self, dialog: Dialog, flow: Flow) -> Flow:
        """Return the way to the next hop of a dialog: its address where that leads anywhere, else the peer's way."""
        if flow.transport != "UDP":
            if not self._sockets.stands(flow):  # closed since: a new one to where the Contact, or else the peer, was
                flow = flow._replace(connection=0)
            elif not dialog.routes:
                return flow  # while it stands it is the way, whatever port the Contact names (RFC 5626 spirit)
        hop = dialog.next_hop
        if family(hop.host) is None or nat.hidden(hop.host, flow.remote[0]):
            return flow
        remote = (hop.host, hop.port or DEFAULT_PORT)
        transport = (hop.param("transport") or "udp").upper()
        if remote == flow.remote and transport == flow.transport:
            return flow
        try:
            return self._sockets.flow_to(transport, remote)
        except ResourceError:
            return flow

    def contact(self, flow: Flow, user: str = "", params: str = "") -> str:
        """Return our Contact for the peer of `flow`; params: of the URI, with their semicolons."""
        host, port = self._seen_by(flow) or flow.local
        transport = "" if flow.transport == "UDP" else f";transport={flow.transport.lower()}"
        return f"<{Uri.of(user or 'softswitch', host, port)}{transport}{params}>"

    def signalling_host(self, flow: Flow) -> str:
        """Return the address under which the peer of `flow` knows us."""
        return (self._seen_by(flow) or flow.local)[0]

    def media_host(self, flow: Flow, bound: str = "") -> str:
        """Return the address at which the peer of `flow` shall send sound. bound: of the ports, where not the usual."""
        bound = bound or self._media_host
        seen = self._seen_by(flow)
        if seen is not None:
            return seen[0]
        return flow.local[0] if unspecified(bound) else bound

    def _seen_by(self, flow: Flow) -> tuple[str, int] | None:
        public = self.public
        if public is None or family(public[0]) != family(flow.local[0]):
            return None
        # Both sides private: the peer is on our side of the NAT.
        if nat.private(flow.remote[0]) and nat.private(flow.local[0]) and not nat.private(public[0]):
            return None
        return (public[0], public[1] or flow.local[1])
