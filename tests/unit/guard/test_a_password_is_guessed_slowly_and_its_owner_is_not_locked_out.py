"""Ten thousand addresses that guess one password, and the telephone whose password it is."""

from softswitch.sip.guesses import HOME_SECONDS, MAX_ACCOUNTS, MAX_HOMES, SECONDS, TRIES, Guesses


def guess(guesses: Guesses, account: str, hosts: int, *, now: float) -> int:
    """Guess once from each of so many hosts; return how many of the guesses are looked at."""
    looked = 0
    for number in range(hosts):
        host = f"10.0.{number >> 8}.{number & 255}"
        if guesses.may_try(account, host, now=now):
            looked += 1
            guesses.failed(account, host, now=now)
    return looked


def test_many_hosts_share_the_tries_of_one_account() -> None:
    guesses = Guesses()
    assert guess(guesses, "ada", 10_000, now=0.0) == TRIES
    assert guesses.slowed == 10_000 - TRIES
    tried = sum(guess(guesses, "ada", 100, now=float(second)) for second in range(1, 601))
    assert tried == 600 / SECONDS
    assert guess(guesses, "bob", 10, now=0.0) == 10, "nobody else's account is slowed"


def test_the_owner_comes_in_from_where_he_came_before() -> None:
    guesses = Guesses()
    guesses.proved("ada", "192.0.2.7")
    guess(guesses, "ada", 10_000, now=0.0)
    assert not guesses.may_try("ada", "192.0.2.8", now=1.0)
    assert guesses.may_try("ada", "192.0.2.7", now=1.0)
    guesses.failed("ada", "192.0.2.7", now=1.0)  # and may even be wrong once
    assert guesses.may_try("ada", "192.0.2.7", now=1.0)


def test_somebody_at_home_does_not_guess_faster_than_a_telephone_errs() -> None:
    guesses = Guesses()
    guesses.proved("ada", "192.0.2.7")
    looked = 0
    for tenth in range(6000):
        if guesses.may_try("ada", "192.0.2.7", now=tenth / 10):
            looked += 1
            guesses.failed("ada", "192.0.2.7", now=tenth / 10)
    assert looked <= TRIES + 600 / HOME_SECONDS + 1


def test_the_last_few_places_are_homes() -> None:
    guesses = Guesses()
    for number in range(MAX_HOMES + 1):
        guesses.proved("ada", f"192.0.2.{number}")
    guesses.proved("ada", "192.0.2.1")
    guess(guesses, "ada", 100, now=0.0)
    open_ = [number for number in range(MAX_HOMES + 1) if guesses.may_try("ada", f"192.0.2.{number}", now=0.0)]
    assert open_ == [1, 2, 3, 4]


def test_accounts_are_remembered_up_to_a_limit() -> None:
    guesses = Guesses()
    for number in range(MAX_ACCOUNTS + 10):
        guesses.proved(f"user{number}", "192.0.2.7")
    assert len(guesses._accounts) == MAX_ACCOUNTS
