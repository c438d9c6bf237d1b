"""How peers reach us, and we them: the address we write into Contact and session descriptions, the way of a request.

Behind a NAT two addresses are ours. A peer on our side of it is given the local one, any other the public one.
"""

from softswitch.errors import ResourceError
from softswitch.legs import nat
from softswitch.net.address import family, unspecified
from softswitch.net.sip_socket import SipSockets
from softswitch.sip.dialog import Dialog
from softswitch.sip.flow import Flow, default_port
from softswitch.sip.uri import Uri


class Reach:
    """Addresses of one user agent. public: our address and port as seen from outside, by configuration or STUN."""

    def __init__(self, sockets: SipSockets, media_host: str, public: tuple[str, int] | None) -> None:
        self.public = public
        self._sockets = sockets
        self._media_host = media_host

    def flow(self, transport: str, host: str, port: int, *, name: str = "", carrier: str = "") -> Flow:
        """Return the way to an address; ResourceError where we have no socket for it. host: an IP literal.

        name, carrier: whom TLS has to find there, as in `Flow`.
        """
        host = "127.0.0.1" if host == "localhost" else host
        if family(host) is None:
            raise ResourceError(f"{host} is not an IP address; it has to be resolved first")
        flow = self._sockets.flow_to(transport.upper(), (host, port))
        return flow._replace(name=name, carrier=carrier) if flow.secure else flow

    def comes_back(self, host: str, port: int) -> bool:
        """Tell whether a call to an address (an IP literal) would come back to us, behind a NAT by its public side."""
        public = self.public
        if public is not None and host == public[0] and port in (public[1], *self._sockets.ports):
            return True
        return self._sockets.comes_back((host, port))

    def flow_to(self, dialog: Dialog, flow: Flow) -> Flow:
        """Return the way to the next hop of a dialog: its address where that leads anywhere, else the peer's way.

        A dialog over TLS stays there unless its next hop says another transport in so many words, and one that began
        with `sips:` stays there in any case (RFC 3261 section 26.2.2).
        """
        if flow.transport != "UDP":
            if not self._sockets.stands(flow):  # closed since: a new one to where the Contact, or else the peer, was
                flow = flow._replace(connection=0)
            elif not dialog.routes:
                return flow  # while it stands it is the way, whatever port the Contact names (RFC 5626 spirit)
            elif flow.secure and dialog.next_hop.host == flow.remote[0]:
                return flow  # nothing there could prove more than who is at the other end of this one
        hop = dialog.next_hop
        if family(hop.host) is None or nat.hidden(hop.host, flow.remote[0]):
            return flow
        transport = (hop.transport or ("tls" if flow.secure else "udp")).upper()
        if dialog.secure and transport != "TLS":
            transport = "TLS"
        remote = (hop.host, hop.port or default_port(transport))
        if remote == flow.remote and transport == flow.transport:
            return flow
        try:
            # Whoever it is there has to be whom we called; of a peer that called us its Contact is all we know.
            return self.flow(transport, *remote, name=flow.name or hop.host, carrier=flow.carrier)
        except ResourceError:
            return flow

    def contact(self, flow: Flow, user: str = "", params: str = "", *, sips: bool = False) -> str:
        """Return our Contact for the peer of `flow`; params: of the URI, with their semicolons.

        sips: of a dialog that began with a `sips:` URI (RFC 3261 section 12.1.1). That scheme names no transport.
        """
        host, port = self._seen_by(flow) or flow.local
        scheme = "sips" if sips and flow.secure else "sip"
        transport = "" if flow.transport == "UDP" or scheme == "sips" else f";transport={flow.transport.lower()}"
        return f"<{Uri.of(user or 'softswitch', host, port, scheme=scheme)}{transport}{params}>"

    def via(self, flow: Flow) -> tuple[str, int] | None:
        """Return what stands in our Via for the peer of `flow` instead of the local address, None for nothing else."""
        return self._seen_by(flow)

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
        # The port that STUN saw is that of UDP; a router that lets connections in does so at the port we listen on.
        return (public[0], flow.local[1] if flow.secure else public[1] or flow.local[1])
