"""A flow in words only: what is said to silence, to what was not understood, and when it gives up."""

from collections.abc import Callable

from softswitch.conversation.flow import FlowPolicy
from softswitch.conversation.flow_model import Flow
from softswitch.conversation.policy import Action, Ask, CallTool, Dialogue, Expect, Play, Reason, Say, Utterance

PIN = """
flows:
  pin:
    variables: {shop: the shop}
    nodes:
      ask:
        say: "{shop}: your number please."
        ask: {digits: {min: 4, max: 6}}
        into: pin
        retry:
          silence: Are you there?
          no_match: [Once more., "Again. {question}"]
          attempts: 4
          goto: lost
        goto: check
      check:
        say: "I heard {pin:spelled}."
        ask: yes_no
        branch: {yes: done, no: ask}
      done: {play: bye.wav, say: Bye., hangup: true}
      lost: {say: Please call again., hangup: true}
"""


class Caller:
    """Talks to a policy directly."""

    def __init__(self, flow: Flow) -> None:
        self.dialogue = Dialogue("test")
        self.policy = FlowPolicy(flow)
        self.actions: list[Action] = []

    def hears(self, reason: Reason, text: str = "") -> str:
        """Return everything said to what the caller does."""
        self.actions = self.policy.answer(self.dialogue, Utterance(reason, text))
        return " ".join(action.text for action in self.actions if isinstance(action, Say))

    @property
    def hung_up(self) -> bool:
        return CallTool("hangup") in self.actions


def test_each_reason_has_its_own_words(flow: Callable[[str], Flow]) -> None:
    caller = Caller(flow(PIN))
    assert caller.hears("started") == "the shop: your number please."
    assert caller.hears("silence") == "Are you there?"
    assert caller.hears("no_match") == "Again. the shop: your number please."
    assert caller.hears("engine_failed").startswith("I am sorry, I have trouble hearing you.")
    assert caller.hears("silence") == "Please call again." and caller.hung_up


def test_a_number_of_the_wrong_length_is_not_understood(flow: Callable[[str], Flow]) -> None:
    caller = Caller(flow(PIN))
    caller.hears("started")
    assert caller.hears("speech", "one two three") == "Once more."
    assert caller.hears("keys", "1234567") == "Again. the shop: your number please."
    assert caller.hears("speech", "double one two three") == "I heard one one two three."
    assert caller.dialogue.variables["pin"] == "1123"


def test_an_answer_makes_the_attempts_begin_again(flow: Callable[[str], Flow]) -> None:
    caller = Caller(flow(PIN))
    caller.hears("started")
    for _ in range(5):
        assert caller.hears("silence") == "Are you there?"
        caller.hears("keys", "1234")
        assert caller.hears("keys", "2") == "the shop: your number please."


def test_what_is_expected_is_known_before_the_first_word(flow: Callable[[str], Flow]) -> None:
    caller = Caller(flow(PIN))
    caller.hears("started")
    first, last = caller.actions[0], caller.actions[-1]
    assert isinstance(first, Expect) and isinstance(last, Ask) and first.expect == last.expect
    assert (first.expect.kind, first.expect.min_digits, first.expect.max_digits) == ("digits", 4, 6)


def test_a_goodbye_is_not_interruptible_and_ends_the_call(flow: Callable[[str], Flow]) -> None:
    caller = Caller(flow(PIN))
    caller.hears("started")
    caller.hears("keys", "1234")
    caller.hears("speech", "yes")
    assert caller.actions == [Play("bye.wav", False), Say("Bye.", False), CallTool("hangup")]
    assert caller.hears("speech", "wait") == "" and caller.hung_up


def test_without_another_way_out_it_gives_up_politely(receptionist: Flow) -> None:
    caller = Caller(receptionist)
    caller.hears("started")
    said = [caller.hears("no_match") for _ in range(3)]
    assert said[0] != said[1] and "Goodbye" in said[2] and caller.hung_up


def test_a_conversation_without_end_is_ended(flow: Callable[[str], Flow]) -> None:
    caller = Caller(flow(PIN))
    caller.hears("started")
    for _ in range(200):
        caller.hears("keys", "1234")
        caller.hears("keys", "2")
        if caller.hung_up:
            break
    assert caller.hung_up


def test_the_receptionist_understands_words_and_keys_alike(receptionist: Flow) -> None:
    spoken, keyed = Caller(receptionist), Caller(receptionist)
    answers = [("um, sales please", "1"), ("one two three four", "1234"), ("yes", "1")]
    assert spoken.hears("started") == keyed.hears("started")
    for words, key in answers:
        assert spoken.hears("speech", words) == keyed.hears("keys", key) != ""
    assert spoken.hung_up and keyed.hung_up
    assert spoken.dialogue.variables["customer"] == keyed.dialogue.variables["customer"] == "1234"


def test_two_choices_at_once_are_none(receptionist: Flow) -> None:
    caller = Caller(receptionist)
    caller.hears("started")
    assert caller.hears("speech", "sales or support").startswith("Sorry")


def test_a_branch_by_a_variable(flow: Callable[[str], Flow]) -> None:
    text = """
flows:
  f:
    nodes:
      a: {say: Hello., set: {kind: "{from}"}, by: kind, branch: {"1001": staff}, goto: guest}
      staff: {say: Colleague., hangup: true}
      guest: {say: Guest., hangup: true}
"""
    caller = Caller(flow(text))
    caller.dialogue.variables["from"] = "1001"
    assert caller.hears("started") == "Hello. Colleague."
    stranger = Caller(flow(text))
    assert stranger.hears("started") == "Hello. Guest."


def test_variables_of_a_flow_are_defaults(flow: Callable[[str], Flow]) -> None:
    caller = Caller(flow(PIN))
    caller.dialogue.variables["shop"] = "Weber"
    assert caller.hears("started") == "Weber: your number please."
