"""The pytest plugin: the fixtures `kf_sim` and `kf_sim_env`, and the check for findings."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from ._simulator import Simulator

_MARKER = """kf_sim(seed, clock, accounts, servicers, strictness, disabled_assumptions, config, allow): how the simulator \
of the fixture kf_sim is started, and `allow`, a list of findings that are not mistakes in this test"""
_SIMULATOR = pytest.StashKey[Simulator]()


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", _MARKER)


@pytest.fixture
def kf_sim(request: pytest.FixtureRequest) -> Iterator[Simulator]:
    """A new simulator of WeCom customer service. The test fails if the simulator finds mistakes of the bot.

    The marker `kf_sim` has the arguments of `Simulator.start`, and `allow`.
    """
    options: dict[str, Any] = {}
    # The marker of the test overrides that of the class, which overrides that of the module.
    for marker in reversed(list(request.node.iter_markers("kf_sim"))):
        if marker.args:
            raise pytest.UsageError("the marker kf_sim takes arguments by name only")
        options.update(marker.kwargs)
    allow = options.pop("allow", ())
    with Simulator.start(**options) as simulator:
        simulator.allowed.update(allow)
        request.node.stash[_SIMULATOR] = simulator
        yield simulator


@pytest.fixture
def kf_sim_env(kf_sim: Simulator, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Sets the simulator's variables in the environment of this process, for a bot that runs in it."""
    env = kf_sim.env
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    return env


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """Looks for findings at the end of the test itself, so that the test fails and not its teardown."""
    result = yield
    simulator = item.stash.get(_SIMULATOR, None)
    mistakes = _mistakes(simulator) if simulator is not None else None
    if mistakes is not None:
        # The traceback would only show this function.
        pytest.fail(mistakes, pytrace=False)
    return result


def _mistakes(simulator: Simulator) -> str | None:
    """Returns what was found, in whichever corp."""
    for corp_id in simulator.control.info()["corps"]:
        try:
            simulator.corp(corp_id).check(allow=simulator.allowed)
        except AssertionError as found:
            return str(found)
    return None
