"""libav takes half a second and memory: no switch loads it that does not need it, and no call waits for it."""

import subprocess
import sys

STORY = """
import sys
import softswitch.app
from softswitch.call.user import User, UserBook
UserBook([User(name="plain", password="p")])
assert "av" not in sys.modules, "loaded for nobody"
UserBook([User(name="wide", password="p", codecs=("G722", "PCMA"))])
assert "av" in sys.modules, "left to the first call"
"""


def test_it_is_loaded_with_the_users_that_speak_it() -> None:
    told = subprocess.run([sys.executable, "-c", STORY], capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stderr
