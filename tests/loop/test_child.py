"""A process that is asked line by line, killed, and asked again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from lapwise.core.errors import LapwiseError
from lapwise.loop.child import Child

MODULE = '''
import os, pathlib, signal, sys
from lapwise.core.errors import LapwiseError
from lapwise.loop.child import answer

HERE = pathlib.Path.cwd()


def once(name):
    """Return whether this is the first time, whoever asks."""
    try:
        (HERE / name).touch(exist_ok=False)
    except FileExistsError:
        return False
    return True


def handle(question, say):
    word = question.decode().strip()
    if word == "talk":
        for number in range(3):
            say(f"line {number}".encode())
    elif word == "die once":
        say(b"before")
        if once("died"):
            os.kill(os.getpid(), signal.SIGKILL)
        say(b"after")
    elif word == "tear":
        if once("torn"):
            os.write(LINES, b"=half an ans")
            os.kill(os.getpid(), signal.SIGKILL)
    elif word == "die":
        print("the disk is on fire", file=sys.stderr)
        os.kill(os.getpid(), signal.SIGKILL)
    elif word == "exit":
        raise SystemExit("no more memory")
    elif word == "fail":
        raise LapwiseError("it failed", value=7, expected="eight", fix="try again")
    elif word == "raise":
        raise ValueError("a mistake of ours")
    elif word == "print":
        print("=a library says hello")
        os.system("echo +so does its child")
        sys.stdout.flush()
        os.write(1, b"!and C code\\n")
    elif word == "who":
        return f"{os.getpid()} {os.getcwd()} {os.environ.get('SAID', '')} {sys.argv[1:]}".encode()
    return b"heard " + word.encode()


LINES = os.dup(1)
if __name__ == "__main__":
    answer(handle)
'''


@pytest.fixture
def child(tmp_path: Path) -> Iterator[Child]:
    (tmp_path / "answering.py").write_text(MODULE)
    child = Child("answering", "one", "two", folder=tmp_path, environment={"SAID": "yes"})
    yield child
    pid = child.pid
    child.close()
    assert pid is None or not psutil.pid_exists(pid), "close left its process behind"


def test_it_is_asked_and_answers_again_and_again(child: Child, tmp_path: Path) -> None:
    assert child.pid is None
    first = child.ask(b"who").decode()
    assert first == child.ask(b"who").decode()
    assert first == f"{child.pid} {tmp_path} yes ['one', 'two']"


def test_what_it_says_meanwhile_is_heard_in_order(child: Child) -> None:
    heard: list[bytes] = []
    assert child.ask(b"talk", heard.append) == b"heard talk"
    assert heard == [b"line 0", b"line 1", b"line 2"]


def test_one_that_is_killed_is_asked_again_and_may_repeat_itself(child: Child) -> None:
    heard: list[bytes] = []
    assert child.ask(b"die once", heard.append) == b"heard die once"
    assert heard == [b"before", b"before", b"after"]


def test_half_an_answer_is_none(child: Child) -> None:
    assert child.ask(b"tear") == b"heard tear"


def test_one_that_is_killed_between_two_questions_is_started_again(child: Child) -> None:
    child.ask(b"who")
    before = child.pid
    assert before is not None
    os.kill(before, signal.SIGKILL)
    assert child.ask(b"talk") == b"heard talk"
    assert child.pid != before


@pytest.mark.parametrize(
    ("question", "words"),
    [(b"die", "the disk is on fire"), (b"exit", "no more memory"), (b"raise", "mistake of ours")],
)
def test_one_that_dies_always_is_given_up_with_its_last_words(
    child: Child, question: bytes, words: str
) -> None:
    with pytest.raises(LapwiseError, match="answering dies again and again") as caught:
        child.ask(question)
    assert words in str(caught.value)
    assert "Traceback" not in str(caught.value)
    assert child.ask(b"talk") == b"heard talk"


def test_last_words_are_of_the_last_question(child: Child) -> None:
    with pytest.raises(LapwiseError, match="again and again"):
        child.ask(b"die")
    with pytest.raises(LapwiseError) as caught:
        child.ask(b"exit")
    assert "fire" not in str(caught.value)


def test_a_failure_arrives_in_its_own_words_and_the_process_lives_on(child: Child) -> None:
    child.ask(b"who")
    before = child.pid
    with pytest.raises(LapwiseError, match="it failed") as caught:
        child.ask(b"fail")
    for piece in ("7", "eight", "try again"):
        assert piece in str(caught.value)
    assert child.ask(b"talk") == b"heard talk"
    assert child.pid == before


def test_what_libraries_print_garbles_nothing(child: Child) -> None:
    heard: list[bytes] = []
    assert child.ask(b"print", heard.append) == b"heard print"
    assert heard == []
    assert child.ask(b"talk", heard.append) == b"heard talk"
    assert len(heard) == 3


def test_a_module_that_is_not_there_is_named(tmp_path: Path) -> None:
    child = Child("not_there_at_all", folder=tmp_path)
    try:
        with pytest.raises(LapwiseError, match="No module named not_there_at_all"):
            child.ask(b"{}")
    finally:
        child.close()


def test_closing_ends_it_and_is_safe_to_do_twice(child: Child) -> None:
    child.ask(b"who")
    pid = child.pid
    assert pid is not None
    child.close()
    assert not psutil.pid_exists(pid)
    child.close()
    assert child.ask(b"talk") == b"heard talk"  # asked again, it starts again


def test_it_ends_when_its_parent_does(tmp_path: Path) -> None:
    """Nothing is left behind by a parent that was killed."""
    (tmp_path / "answering.py").write_text(MODULE)
    parent = (
        "import pathlib, time\n"
        "from lapwise.loop.child import Child\n"
        "child = Child('answering', folder=pathlib.Path.cwd())\n"
        "print(child.ask(b'who').decode().split()[0], flush=True)\n"
        "time.sleep(60)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", parent], cwd=tmp_path, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        left = psutil.Process(int(process.stdout.readline()))
        process.kill()
    psutil.wait_procs([left], timeout=10)
    assert not left.is_running()
