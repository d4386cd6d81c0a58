"""Only the ground floor reads a clock: everyone else is handed one."""

from tests.architecture.source import parsed, python_files, references, shown

# "path/from/root.py": "why it reads the machine's clock itself"
ALLOWED = {
    "src/lapwise/core/clock.py": "it is the clock",
    "src/lapwise/core/ids.py": "the time inside an id only sorts it",
}

READS = {
    *("datetime.datetime.now", "datetime.datetime.utcnow", "datetime.datetime.today"),
    "datetime.date.today",
    *("time.time", "time.time_ns", "time.monotonic", "time.monotonic_ns"),
    *("time.perf_counter", "time.perf_counter_ns", "time.process_time", "time.process_time_ns"),
    *("time.thread_time", "time.thread_time_ns", "time.clock_gettime", "time.clock_gettime_ns"),
    *("time.localtime", "time.gmtime", "time.ctime", "time.asctime"),
    *("uuid.uuid1", "sqlalchemy.func.now", "sqlalchemy.func.current_timestamp"),
    *("timeit.default_timer", "os.times"),
}


def test_nobody_else_reads_a_clock() -> None:
    found = [
        f"{shown(path)}:{node.lineno} {name}"
        for path in python_files("src")
        if shown(path) not in ALLOWED
        for node, name in references(parsed(path))
        if name in READS
    ]
    assert not found, "Take a WorldClock or a MachineClock as an argument:\n  " + "\n  ".join(found)
