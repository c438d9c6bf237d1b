from pathlib import Path

import pytest

from softswitch.providers.recogniser import Pronunciations

WORDS = "'em AH M\na AH\na(2) EY\na's EY Z\nab AE B\nno N OW\nnope N OW P\nzoo Z UW\nzoo(2) Z UW UW"


@pytest.fixture(params=["\n", ""])
def words(request: pytest.FixtureRequest, tmp_path: Path) -> Pronunciations:
    path = tmp_path / "words.dict"
    path.write_text(WORDS + request.param)
    return Pronunciations(str(path))


def test_every_word_with_all_its_pronunciations(words: Pronunciations) -> None:
    assert words.of("a") == ["AH", "EY"]
    assert words.of("'em") == ["AH M"]
    assert words.of("ab") == ["AE B"]
    assert words.of("no") == ["N OW"]
    assert words.of("zoo") == ["Z UW", "Z UW UW"]


@pytest.mark.parametrize("word", ["", "aa", "n", "nop", "zz", "zoo(2)", "é", "a b"])
def test_a_word_nobody_wrote_down(words: Pronunciations, word: str) -> None:
    assert words.of(word) == []


def test_a_phone_is_pronounced_as_itself(words: Pronunciations) -> None:
    assert words.of("_ah") == ["AH"]
