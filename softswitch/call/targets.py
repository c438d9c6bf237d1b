"""Where a target leads, as a dialplan writes it: to one of our users, straight to an address, or out over a carrier."""

from softswitch.call.routing import is_uri
from softswitch.call.step import variables_of
from softswitch.call.user import SCHEME, UserBook


def is_user(target: str, carrier: str, users: UserBook) -> bool:
    """Tell whether a target is one of our users: it says so, or it is the number of one and no carrier is named."""
    return target.startswith(SCHEME) or (not carrier and users.find(target) is not None)


def may_leave(text: str, carrier: str, users: UserBook) -> bool:
    """Tell whether a target may be called over a carrier, at somebody's expense; text: with its variables.

    What only a call knows may be anything. A variable in the user of an address leaves it where it is.
    """
    if text.startswith(SCHEME):
        return False
    if is_uri(text):
        return any(True for _ in variables_of(text.partition("@")[2] or text))
    return bool(carrier) or any(True for _ in variables_of(text)) or users.find(text) is None
