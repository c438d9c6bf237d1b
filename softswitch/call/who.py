"""Who calls, as far as it is known: what decides how far a call may go."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Who:
    """user: one of ours, who has proved it. carrier: the trunk the call came by. Both are names, empty for none.

    trusted: it comes from a network whose word is believed, or the switch places the call itself.
    """

    user: str = ""
    carrier: str = ""
    trusted: bool = False

    @property
    def stranger(self) -> bool:
        """Whether nothing is known of it: such a call never leaves by a carrier, whatever a rule says."""
        return not (self.user or self.carrier or self.trusted)


#: The switch itself: calls that an operator, a campaign or the command line places.
OURSELVES: Final = Who(trusted=True)
