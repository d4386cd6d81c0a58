"""What holds for every test."""

import os

import hypothesis
import pytest

# Threads that wait sleep instead of spinning, because the tests run in parallel on few cores.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

# A slow machine is no failure, and a failure prints what repeats it.
hypothesis.settings.register_profile("lapwise", deadline=None, print_blob=True)
hypothesis.settings.load_profile("lapwise")


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the settings of whoever runs the tests (LAPWISE_*) away from the tests."""
    for name in [name for name in os.environ if name.startswith("LAPWISE_")]:
        monkeypatch.delenv(name)
