"""What a process does to its runs by being asked to end, by forking, and by dying."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from lapwise.store.model import Store
from lapwise.tracking.recovery import recover
from lapwise.tracking.wal import log_folder
from tests.tracking.conftest import eventually

BEGIN = """
import os, signal, sys, threading, time
from pathlib import Path
from lapwise.store.open import open_store
from lapwise.tracking.start import join_run, start_run

folder = Path(sys.argv[1])
root = folder / "project"
store = open_store(f"sqlite:///{folder / 'lapwise.db'}", str(folder / "blobs"))

def start(name="", **more):
    return start_run("e", store=store, root=root, seed=1, name=name, **more)

def ready():
    os.write(1, b"ready\\n")
"""


def spawn(folder: Path, code: str) -> "subprocess.Popen[bytes]":
    """Start a process with the code and wait until it says that it is ready."""
    process = subprocess.Popen(
        [sys.executable, "-c", BEGIN + code, str(folder)], stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    return process


def end(process: "subprocess.Popen[bytes]", number: int) -> int:
    """Send a signal and return the exit code."""
    process.send_signal(number)
    code = process.wait(30)
    assert process.stdout is not None
    process.stdout.close()
    return code


def run_to_its_end(folder: Path, code: str) -> None:
    subprocess.run([sys.executable, "-c", BEGIN + code, str(folder)], check=True, timeout=60)


@pytest.mark.parametrize(
    "wait",
    [
        "time.sleep(60)",
        "\nwhile True: runs[0].log_metric('busy', 1.0)",
        "\nwhile True: runs[0].flush()",
    ],
)
def test_sigterm_ends_all_runs_as_killed(
    store: Store, root: Path, tmp_path: Path, wait: str
) -> None:
    """Every open run is killed, all it logged is in the store, and the signal ends the process."""
    code = f"""
runs = [start("one"), start("two")]
for run in runs:
    run.log_metric("a", 1.0)
ready()
{wait.strip()}
"""
    assert end(spawn(tmp_path, code), signal.SIGTERM) == -signal.SIGTERM
    for run in store.runs.list():
        assert run.status == "killed"
        assert len(store.runs.history(run.id, "a")) == 1
        tags = {one.name: one.value for one in store.runs.tags([run.id])[run.id]}
        assert tags == {"lapwise.signal": "SIGTERM"}
    assert len(store.runs.list()) == 2
    assert not list(log_folder(root).iterdir())


def test_the_handler_before_has_its_say(store: Store, tmp_path: Path) -> None:
    """A handler that saves and goes on may log until its loop ends; then the run is killed."""
    code = """
stop = []
signal.signal(signal.SIGTERM, lambda *_: stop.append(1))
with start() as run:
    ready()
    while not stop:
        time.sleep(0.01)
    run.log_metric("saved", 1.0)
assert signal.getsignal(signal.SIGTERM).__name__ == "<lambda>"
"""
    assert end(spawn(tmp_path, code), signal.SIGTERM) == 0
    (run,) = store.runs.list()
    assert run.status == "killed"
    assert len(store.runs.history(run.id, "saved")) == 1


@pytest.mark.parametrize("code", ["sys.exit(143)", "raise KeyboardInterrupt"])
def test_a_handler_set_later_may_end_it_its_way(store: Store, tmp_path: Path, code: str) -> None:
    """A framework that replaces ours and exits as processes do on SIGTERM leaves a killed run."""
    script = f"""
def handler(*_):
    {code}
with start() as run:
    signal.signal(signal.SIGTERM, handler)
    ready()
    time.sleep(60)
"""
    assert end(spawn(tmp_path, script), signal.SIGTERM) in {143, 130, -2, 1}
    (run,) = store.runs.list()
    assert run.status == "killed"


def test_the_old_handler_is_back_after_the_last_run(tmp_path: Path, root: Path) -> None:
    """Whatever it was, also when runs end in another order than they began."""
    run_to_its_end(
        tmp_path,
        """
one, two = start(), start()
assert signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL
one.end()
assert signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL
two.end()
assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
signal.signal(signal.SIGTERM, signal.SIG_IGN)
with start():
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_IGN
signal.signal(signal.SIGTERM, signal.SIG_DFL)
def elsewhere():
    with start():
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
thread = threading.Thread(target=elsewhere)
thread.start()
thread.join()
""",
    )


@pytest.mark.prove
def test_a_store_that_hangs_does_not_keep_a_process_alive(
    store: Store, tmp_path: Path, root: Path
) -> None:
    """With its database locked, a process is gone in seconds, and the run is killed by recovery."""
    import sqlite3

    process = spawn(tmp_path, "run = start()\nrun.flush()\nready()\ntime.sleep(60)")
    other = sqlite3.connect(tmp_path / "lapwise.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    assert end(process, signal.SIGTERM) == -signal.SIGTERM
    other.execute("ROLLBACK")
    other.close()
    (found,) = recover(store, root)
    assert found.status == "killed"


def test_a_killed_process_that_had_been_asked_to_end_is_killed(
    store: Store, tmp_path: Path, root: Path
) -> None:
    """SIGTERM, a handler that takes too long, then SIGKILL: not crashed, killed."""
    process = spawn(
        tmp_path,
        """
signal.signal(signal.SIGTERM, lambda *_: (os.write(1, b"asked\\n"), time.sleep(60)))
run = start()
ready()
time.sleep(60)
""",
    )
    process.send_signal(signal.SIGTERM)
    assert process.stdout is not None
    assert process.stdout.readline() == b"asked\n"
    assert end(process, signal.SIGKILL) == -signal.SIGKILL
    assert [one.status for one in recover(store, root)] == ["killed"]


FORK = """
run = start()
locks = threading.Event()
def work():
    step = 0
    while not locks.is_set():
        run.log_metric("thread", 1.0, step)
        step += 1
thread = threading.Thread(target=work)
thread.start()
children = []
for number in range(4):
    child = os.fork()
    if child == 0:
        for step in range(500):
            run.log_metric(f"child{number}", step / 2, step)
        run.log_text(f"note{number}.txt", str(number))
        if number == 0:
            assert run.flush() is False
            run.end()
        if number == 1:
            grandchild = os.fork()
            run.log_metric("grandchild" if grandchild == 0 else "child1", 1.0, 500)
            if grandchild:
                os.waitpid(grandchild, 0)
        if number == 2:
            os.kill(os.getpid(), signal.SIGKILL)
        os._exit(0)
    children.append(child)
for child in children:
    os.waitpid(child, 0)
locks.set()
thread.join()
run.log_metric("parent", 1.0)
run.end()
"""


def test_forked_children_log_to_the_run_and_leave_the_parent_alone(
    store: Store, tmp_path: Path, root: Path
) -> None:
    """With a thread that holds the lock all the time: no deadlock, nothing lost, nothing doubled."""
    run_to_its_end(tmp_path, FORK)
    (run,) = store.runs.list()
    assert run.status == "finished"
    for number in range(4):
        steps = [one.step for one in store.runs.history(run.id, f"child{number}")]
        assert steps == list(range(501 if number == 1 else 500))
    assert len(store.runs.history(run.id, "grandchild")) == 1
    assert len(store.runs.history(run.id, "parent")) == 1
    steps = [one.step for one in store.runs.history(run.id, "thread")]
    assert steps == list(range(len(steps)))
    assert len(store.runs.artifacts(run.id)) == 4
    assert not list(log_folder(root).iterdir())


def test_a_living_forked_child_is_seen_while_it_logs(
    store: Store, tmp_path: Path, root: Path
) -> None:
    """The parent ships a child's metrics long before the child ends; its end is not the run's."""
    process = spawn(
        tmp_path,
        """
run = start()
child = os.fork()
if child == 0:
    run.log_metric("alive", 1.0)
    time.sleep(60)
ready()
sys.stdin.read()
time.sleep(60)
""",
    )
    (run,) = store.runs.list()
    eventually(lambda: len(store.runs.history(run.id, "alive")) == 1)
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    os.kill(int(children[0]), signal.SIGTERM)
    eventually(lambda: len(list(log_folder(root).iterdir())) == 1)
    assert store.runs.get(run.id).status == "running"
    assert end(process, signal.SIGTERM) == -signal.SIGTERM
    assert store.runs.get(run.id).status == "killed"


def test_what_a_child_logged_outlives_its_parent(store: Store, tmp_path: Path, root: Path) -> None:
    """When the parent is killed, the child's log does not keep the parent's from being recovered."""
    process = spawn(
        tmp_path,
        """
run = start()
run.log_metric("parent", 1.0)
if os.fork() == 0:
    run.log_metric("child", 1.0)
    ready()
    time.sleep(60)
    os._exit(0)
time.sleep(60)
""",
    )
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    assert end(process, signal.SIGKILL) == -signal.SIGKILL
    found = {one.run: one.status for one in recover(store, root)}
    (run,) = store.runs.list()
    assert found == {run.id: "crashed"}
    os.kill(int(children[0]), signal.SIGKILL)
    eventually(lambda: recover(store, root) and not list(log_folder(root).iterdir()))
    assert {"child", "parent"} <= {one.name for one in store.runs.metrics([run.id])[run.id]}


def test_a_run_is_not_sent_to_another_process(tmp_path: Path, root: Path) -> None:
    """Pickling one says what to do instead."""
    run_to_its_end(
        tmp_path,
        """
import copyreg
from lapwise.core.errors import TrackingError
run = start()
try:
    run.__reduce_ex__(4)
except TrackingError as error:
    assert f"join_run('{run.id}')" in str(error)
else:
    raise AssertionError
run.end()
""",
    )


def test_workers_join_by_id(store: Store, tmp_path: Path, root: Path) -> None:
    """Four processes log to one run at the same time, one of them killed: nothing lost or doubled."""
    with_run = spawn(
        tmp_path,
        """
run = start()
Path(folder / "id").write_text(run.id)
ready()
time.sleep(120)
""",
    )
    code = """
run = join_run((folder / "id").read_text(), store=store, root=root)
for step in range(3_000):
    run.log_metric(sys.argv[2], 1.0, step)
os.write(1, b"x")
if sys.argv[2] == "w3":
    os.kill(os.getpid(), signal.SIGKILL)
run.end()
"""
    workers = [
        subprocess.Popen([sys.executable, "-c", BEGIN + code, str(tmp_path), f"w{number}"])
        for number in range(4)
    ]
    assert [worker.wait(60) for worker in workers] == [0, 0, 0, -signal.SIGKILL]
    assert end(with_run, signal.SIGTERM) == -signal.SIGTERM
    recover(store, root)
    (run,) = store.runs.list()
    assert run.status == "killed"
    for number in range(4):
        steps = [one.step for one in store.runs.history(run.id, f"w{number}")]
        assert steps == list(range(3_000))
    assert not list(log_folder(root).iterdir())
