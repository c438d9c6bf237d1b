"""Every flow shown in docs/flows.md is sound, and says what the page says."""

import re
from pathlib import Path
from typing import Any

from softswitch import document
from softswitch.conversation.flow_check import load_flows
from softswitch.conversation.turns import TurnSettings

PAGE = Path(__file__).parents[3] / "docs" / "flows.md"


def test_the_examples_can_be_followed(talk: Any) -> None:
    text = PAGE.read_text(encoding="utf-8")
    examples = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    assert len(examples) == 3
    pizza = load_flows(document.parse(PAGE, examples[0]))["pizza"]
    load_flows(document.parse(PAGE, examples[1]))
    desk = load_flows(document.parse(PAGE, examples[2]))["desk"]
    call = talk(["yes please", "double five two three nine nine"], flow=pizza)
    call.answer()
    call.until_said("pizza?")
    call.quiet(200)
    call.speak(600)
    call.until_said("number.")
    call.quiet(200)
    call.speak(1600)
    call.until_ended()
    assert call.said.endswith("Thank you. We will call five five two three, nine nine.")
    call = talk(flow=desk)  # whose transfers all fail, as nothing here can call anybody
    call.answer()
    call.until_said("support?")
    call.key("2")
    call.until_ended()
    assert "I will put you through to support. | I am sorry, support is not there" in call.said


def test_the_figures_are_those_of_the_settings() -> None:
    text, settings = PAGE.read_text(encoding="utf-8"), TurnSettings()
    for milliseconds in (settings.match_ms, settings.full_ms, settings.enough_digits_ms, settings.few_digits_ms):
        assert re.search(rf"\b{milliseconds / 1000:g}\b", text)
    assert f"{settings.free_ms / 1000:g} s in free speech" in text
    assert f"{settings.barge_in_ms / 1000:g} s while the AI" in text
    for milliseconds in (settings.max_answer_ms, settings.max_digits_ms, settings.max_free_ms):
        assert f"{milliseconds // 1000} s" in text
