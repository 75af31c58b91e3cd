"""Finds and starts the program `wecom-kf-sim`."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Sequence

# pytest shows the line of the test, and no line of this file.
__tracebackhide__ = True

# Closing its input is all it takes to end the program; a busy machine may need a while.
_END_S = 60


class StartError(Exception):
    """The simulator, or a bot, did not start."""


def program() -> str:
    """Returns the path of the program that this wheel installed, or that `WECOM_KF_SIM` names."""
    named = os.environ.get("WECOM_KF_SIM")
    if named:
        return named
    name = "wecom-kf-sim.exe" if sys.platform == "win32" else "wecom-kf-sim"
    schemes = [sysconfig.get_default_scheme(), sysconfig.get_preferred_scheme("user")]
    for folder in (sysconfig.get_path("scripts", scheme) for scheme in schemes):
        path = os.path.join(folder, name)
        if os.path.isfile(path):
            return path
    found = shutil.which(name)
    if found is None:
        raise StartError(f"{name} was not found: reinstall the wheel, or set WECOM_KF_SIM to the path of the program")
    return found


class Process:
    """The program as a child: it ends when this process does, however that comes."""

    def __init__(self, arguments: Sequence[str]) -> None:
        command = [program(), "--child", *arguments]
        try:
            self._child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        except OSError as error:
            raise StartError(f"{command[0]} cannot be started: {error}") from error
        assert self._child.stdout is not None
        line = self._child.stdout.readline()
        try:
            ready = json.loads(line or b"{}")
        except ValueError:
            ready = {}
        if "base_url" not in ready:
            self.stop()
            why = ready.get("error", "its standard error says why")
            raise StartError(f"the simulator did not start: {why}")
        self.base_url: str = ready["base_url"]

    def stop(self) -> None:
        """Ends the program and waits for its end."""
        assert self._child.stdin is not None and self._child.stdout is not None
        self._child.stdin.close()
        try:
            self._child.wait(_END_S)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()
        self._child.stdout.close()
