"""Who was turned away is remembered for an hour, the last first, in few places that strangers take from no user."""

from softswitch.legs.turned_away import MAX_OTHERS, MAX_USERS, SECONDS, TurnedAway, Turnings


def turn(turnings: Turnings, user: str, host: str = "192.0.2.1", *, known: bool = True, now: float = 0.0) -> None:
    turnings.refused(user, host, f"{host}:5060", known=known, now=now)


def test_tries_from_one_host_are_one_line() -> None:
    turnings = Turnings()
    for now in (1.0, 2.0, 3.5):
        turn(turnings, "bob", now=now)
    turn(turnings, "bob", "192.0.2.2", now=4.0)
    assert list(turnings.last(now=5.0)) == [
        TurnedAway("bob", "192.0.2.2:5060", True, 1, 1.0),
        TurnedAway("bob", "192.0.2.1:5060", True, 3, 1.5),
    ]


def test_a_telephone_that_was_put_right_is_forgotten_and_another_one_is_not() -> None:
    turnings = Turnings()
    turn(turnings, "bob")
    turn(turnings, "bob", "192.0.2.2")
    turnings.proved("bob", "192.0.2.1")
    turnings.proved("bob", "192.0.2.3")
    assert [one.source for one in turnings.last(now=1.0)] == ["192.0.2.2:5060"]


def test_after_an_hour_nobody_asks_any_more() -> None:
    turnings = Turnings()
    turn(turnings, "bob")
    assert list(turnings.last(now=SECONDS - 1)) and not list(turnings.last(now=SECONDS))


def test_names_of_nobody_push_out_no_user_and_take_no_memory() -> None:
    turnings = Turnings()
    turn(turnings, "bob")
    for number in range(1000):
        turn(turnings, f"nobody{number}", f"198.51.100.{number % 250}", known=False)
    found = list(turnings.last(now=1.0))
    assert found[0].user == "bob" and len(found) == 1 + MAX_OTHERS and found[1].user == "nobody999"
    for number in range(1000):
        turn(turnings, "bob", f"host{number}")
    assert len([one for one in turnings.last(now=1.0) if one.known]) == MAX_USERS
