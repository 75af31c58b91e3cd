"""The simulator and its people, as tests use them."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from . import control
from ._people import Customer, Servicer
from ._program import Process, StartError
from ._texts import finding_text, row_text, words
from ._waiting import PATIENCE_S, Duration, as_duration, waits

# pytest shows the line of the test that failed, and no line of this file.
__tracebackhide__ = True

# How often a bot that starts is asked whether it listens: the system has no event for that.
_KNOCK_S = 0.05
# How many of the bot's calls an error shows.
_SHOWN_CALLS = 10
_FOUND: control.Words = {"en": "the simulator found mistakes of the bot:", "zh": "模拟器发现机器人做错了："}


class Fault:
    """A fault that was added."""

    def __init__(self, corp: Corp, told: control.Fault) -> None:
        self._corp = corp
        self.id: int = told["id"]

    @property
    def hits(self) -> int:
        """The number of calls or callbacks that it hit."""
        faults = self._corp.control.faults()["faults"]
        return next((fault["hits"] for fault in faults if fault["id"] == self.id), 0)

    def remove(self) -> None:
        """Removes the fault."""
        self._corp.control.fault_remove(self.id)


class Corp:
    """One corp of a simulator: its people, its faults and what its bot did."""

    def __init__(self, base_url: str, corp_id: str | None = None) -> None:
        # The whole control API.
        self.control = control.Control(base_url, corp_id)
        self.base_url = base_url
        self._customers: dict[str, Customer] = {}
        # Names of findings that `check` does not report.
        self.allowed: set[control.FindingName] = set()

    @property
    def env(self) -> dict[str, str]:
        """The variables of the bot's environment, `WECOM_…`, with those of the callback if one is set."""
        return {variable["name"]: variable["value"] for variable in self.control.info()["vars"]}

    @property
    def corp_id(self) -> str:
        """The corp id."""
        return self.control.info()["corp_id"]

    @property
    def open_kfids(self) -> list[str]:
        """The accounts."""
        return [account["open_kfid"] for account in self.control.accounts()["accounts"] if not account["deleted"]]

    def customer(self, name: str, *, open_kfid: str | None = None) -> Customer:
        """Returns the customer of this name at an account, the first one unless it is named."""
        told = self.control.customer_add(name=name, open_kfid=open_kfid)
        return self._customers.setdefault(told["external_userid"], Customer(self, told))

    def servicer(self, userid: str) -> Servicer:
        """Returns the servicer of this userid, who is added if new and then serves every account."""
        if all(known["userid"] != userid for known in self.control.servicers()["servicers"]):
            self.control.servicer_set(userid)
        return Servicer(self, userid)

    def fault(self, operation: str, effect: control.FaultEffect, **members: Any) -> Fault:
        """Adds a fault, such as `fault("send_msg", "errcode", errcode=-1, times=2)`.

        `operation` may be `*` for every call, or `callback`. The faults of an operation queue.
        """
        body = {"operation": operation, "effect": effect, **members}
        return Fault(self, self.control.fault_add(body)["faults"][0])  # type: ignore[arg-type]

    def set_callback(self, url: str, *, token: str | None = None, aes_key: str | None = None) -> None:
        """Sends callbacks to this URL from now on. `env` has the callback's token and key then."""
        self.control.callback_set(url=url, token=token, encoding_aes_key=aes_key)

    def verify_callback(self) -> None:
        """Verifies the callback's URL as WeCom does when its settings are saved. Fails if the bot answers wrongly."""
        problem = self.control.callback_verify()["problem"]
        if problem is not None:
            raise AssertionError(f"the verification of the callback's URL failed: {words(problem)}")

    def called(
        self, operation: str, *, times: int = 1, errcode: int | None = None, within: float = PATIENCE_S
    ) -> list[control.Entry]:
        """Waits until the bot has made so many calls of an operation since the start, and returns their journal rows."""
        for wait in waits(within):
            journal = self.control.journal(op=operation, errcode=errcode, count=times, wait=wait)
            if journal["complete"]:
                return journal["entries"]
        answer = "" if errcode is None else f" with errcode {errcode}"
        made = len(journal["entries"])
        raise AssertionError(
            f"the bot made {made} instead of {times} calls of {operation}{answer} within {within:g} s. {self._last_calls()}"
        )

    def calls(self, operation: str | None = None) -> list[control.Entry]:
        """Returns the rows of the bot's calls so far, of one operation or of all."""
        return self.control.journal(kind="call", op=operation, limit=10_000)["entries"]

    def report(self) -> control.Report:
        """Returns what is wrong with the bot, as far as it was seen."""
        return self.control.report()

    def check(self, *, allow: Iterable[control.FindingName] = ()) -> None:
        """Fails if there are findings other than those that are allowed, here or by `allowed`."""
        allowed = self.allowed.union(allow)
        found = [finding for finding in self.report()["findings"] if finding["name"] not in allowed]
        if found:
            raise AssertionError("\n".join([words(_FOUND), *map(finding_text, found)]))

    def reset(self) -> None:
        """Starts over: no customers, faults, calls and findings."""
        self.control.reset()
        self._customers.clear()

    def _last_calls(self) -> str:
        entries = self.control.journal(limit=_SHOWN_CALLS)["entries"]
        if not entries:
            return "The bot made no call, and got no callback."
        return "\n".join(["The last calls and callbacks:", *map(row_text, entries)])


class Bot:
    """A bot that was started as a process."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process

    def stop(self) -> None:
        """Ends the bot, and kills it if it does not end by itself."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(PATIENCE_S)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


class Simulator(Corp):
    """A simulator that runs as a child process. As a corp, it is the first one."""

    def __init__(self, process: Process) -> None:
        super().__init__(process.base_url)
        self._process = process
        self._bots: list[Bot] = []

    @classmethod
    def start(
        cls,
        *,
        seed: int | None = None,
        clock: Literal["real", "manual"] | int | None = None,
        accounts: Sequence[str] = (),
        servicers: Sequence[str] = (),
        strictness: Literal["strict", "lenient"] | None = None,
        disabled_assumptions: Sequence[str] = (),
        config: str | Path | None = None,
        state: str | Path | None = None,
    ) -> Simulator:
        """Starts a simulator on a free port. `config` is a TOML file, which other arguments override.

        `clock` may be the Unix time at which the clock stands still but for `advance`. `state` is a file: the state is loaded
        from it, if it exists, and saved to it at the end. `control.state_export` and `state_import` go back during a test.
        """
        flags = {"--seed": seed, "--clock": clock, "--strictness": strictness, "--config": config, "--state": state}
        arguments = ["--port=0", *(f"{flag}={value}" for flag, value in flags.items() if value is not None)]
        lists = {"--account": accounts, "--servicer": servicers, "--disable-assumption": disabled_assumptions}
        for flag, values in lists.items():
            arguments.extend(f"{flag}={value}" for value in values)
        return cls(Process(arguments))

    def corp(self, corp_id: str) -> Corp:
        """Returns another corp of the same simulator."""
        return Corp(self.base_url, corp_id)

    @property
    def now(self) -> int:
        """Unix seconds of the simulator's clock."""
        return self.control.clock()["now"]

    def advance(self, duration: Duration) -> None:
        """Puts the clock forward, by seconds, a timedelta, or a text such as `49h`."""
        self.control.clock_set(advance=as_duration(duration))

    def start_bot(
        self, command: Sequence[str | Path], *, callback: str | None = None, env: Mapping[str, str] | None = None
    ) -> Bot:
        """Starts a bot with the simulator's variables in its environment. It ends with the simulator.

        With `callback`, a path such as `/callback`, callbacks go to a free port of 127.0.0.1. `WECOM_KF_LISTEN` tells the
        bot address and port, and this method returns when the bot listens there.
        """
        port = _free_port()
        if callback is not None:
            self.set_callback(f"http://127.0.0.1:{port}{callback}")
        try:
            process = subprocess.Popen([str(part) for part in command], env={**_environment(), **self.env, **(env or {})})
        except OSError as error:
            raise StartError(f"the bot cannot be started: {error}") from error
        bot = Bot(process)
        self._bots.append(bot)
        if callback is not None:
            _wait_until_it_listens(process, port)
        return bot

    def _last_calls(self) -> str:
        ended = [bot.process.returncode for bot in self._bots if bot.process.poll() is not None]
        return "".join([*(f"The bot has ended with {code}. " for code in ended), super()._last_calls()])

    def stop(self) -> None:
        """Ends the bots, then the simulator."""
        for bot in self._bots:
            bot.stop()
        self._process.stop()

    def __enter__(self) -> Simulator:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def _environment() -> dict[str, str]:
    """The environment of this process, in which no proxy stands between a bot and the simulator."""
    exempt = ",".join(filter(None, [os.environ.get("NO_PROXY") or os.environ.get("no_proxy"), "127.0.0.1", "localhost"]))
    return {**os.environ, "NO_PROXY": exempt, "no_proxy": exempt}


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def _wait_until_it_listens(process: subprocess.Popen[bytes], port: int) -> None:
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        if process.poll() is not None:
            raise StartError(f"the bot ended with {process.returncode} before it listened on 127.0.0.1:{port}")
        try:
            socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S).close()
            return
        except OSError:
            time.sleep(_KNOCK_S)
    raise StartError(f"the bot did not listen on 127.0.0.1:{port} within {PATIENCE_S:g} s: does it read WECOM_KF_LISTEN?")
