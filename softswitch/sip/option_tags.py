"""What a peer says it can do: option tags in Supported and Require (RFC 3261 sections 19.2, 20.32, 20.37)."""

from softswitch.sip.message import Request, Response


def supports(message: Request | Response, tag: str) -> bool:
    """Tell whether Supported or Require names the option; who requires something can do it."""
    return _names(message, "Supported", tag) or _names(message, "Require", tag)


def requires(message: Request | Response, tag: str) -> bool:
    """Tell whether Require names the option."""
    return _names(message, "Require", tag)


def _names(message: Request | Response, header: str, tag: str) -> bool:
    values = message.headers.readable(header)
    return any(value.lower() == tag for value in values)  # tokens are compared without case (section 7.3.1)
