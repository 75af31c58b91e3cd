"""Tests of the plugin itself: what fails, and how it says so."""

import os
import select
import signal
import subprocess
import sys

import pytest

from wecom_kf_sim import ControlError, Simulator, StartError, program

pytest_plugins = ["pytester"]


@pytest.fixture(autouse=True)
def english(monkeypatch):
    """The texts of failures are in English and without colours, whatever this machine is set to."""
    monkeypatch.setenv("WECOM_KF_LANG", "en")
    monkeypatch.delenv("CLICOLOR_FORCE", raising=False)

# A bot that fetches a token twice, which is a finding.
CARELESS = """
import urllib.request

def gettoken(env):
    url = f"{env['WECOM_KF_BASE_URL']}/cgi-bin/gettoken?corpid={env['WECOM_CORP_ID']}&corpsecret={env['WECOM_KF_SECRET']}"
    urllib.request.urlopen(url).close()
"""

# A bot that has no valid token, and one that answers before it was asked twice.
WRONG = """
import json
import urllib.request

def echoes(sim, customer):
    ask = lambda path, body=None: json.load(urllib.request.urlopen(f"{sim.base_url}/cgi-bin/{path}", body))
    env = sim.env
    token = ask(f"gettoken?corpid={env['WECOM_CORP_ID']}&corpsecret={env['WECOM_KF_SECRET']}")["access_token"]
    message = {"touser": customer.external_userid, "open_kfid": customer.open_kfid, "msgtype": "text", "text": {"content": "你好"}}
    assert ask(f"kf/send_msg?access_token={token}", json.dumps(message).encode())["errcode"] == 0

def sends_wrongly(env):
    urllib.request.urlopen(f"{env['WECOM_KF_BASE_URL']}/cgi-bin/kf/send_msg?access_token=x", b"{}").close()
"""


def test_a_finding_fails_the_test(pytester):
    pytester.makepyfile(
        CARELESS
        + """
def test_it(kf_sim):
    gettoken(kf_sim.env)
    gettoken(kf_sim.env)
"""
    )
    # Without its summary, which repeats the whole failure if the variable CI is set, or if the terminal is wide.
    result = pytester.runpytest_subprocess("-rN")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*the simulator found mistakes of the bot:*", "*token_refetched*"])
    assert result.stdout.str().count("  token_refetched ×1") == 1
    # The line of each call helps to find out why.
    result.stdout.fnmatch_lines(["*Captured stderr call*", "*→ gettoken*! token_refetched*"])


def test_findings_are_in_the_readers_language(pytester, monkeypatch):
    monkeypatch.setenv("WECOM_KF_LANG", "zh")
    pytester.makepyfile(CARELESS + "\ndef test_it(kf_sim):\n    gettoken(kf_sim.env)\n    gettoken(kf_sim.env)\n")
    result = pytester.runpytest_subprocess()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["模拟器发现机器人做错了：", "*token_refetched ×1: *仍有效*"])


def test_an_allowed_finding_does_not(pytester):
    pytester.makepyfile(
        CARELESS
        + """
import pytest

@pytest.mark.kf_sim(allow=["token_refetched"])
def test_it(kf_sim):
    gettoken(kf_sim.env)
    gettoken(kf_sim.env)
"""
    )
    pytester.runpytest_subprocess("--strict-markers").assert_outcomes(passed=1)


def test_a_failed_test_shows_its_own_failure(pytester):
    pytester.makepyfile(
        CARELESS
        + """
def test_it(kf_sim):
    gettoken(kf_sim.env)
    gettoken(kf_sim.env)
    assert 1 == 2
"""
    )
    result = pytester.runpytest_subprocess()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*assert 1 == 2*"])
    result.stdout.no_fnmatch_line("*found mistakes*")


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("wang.hears(within=0)", "*小王 heard nothing within 0 s. The bot made no call*"),
        ("kf_sim.called('send_msg', within=0)", "*the bot made 0 instead of 1 calls of send_msg within 0 s*"),
        ("echoes(kf_sim, wang); wang.hears('你好吗')", "*小王 heard '你好' instead of '你好吗'*"),
        ("kf_sim.set_callback('http://127.0.0.1:9/'); kf_sim.verify_callback()", "*verification of the callback's URL failed*"),
        ("kf_sim.start_bot(['false'], callback='/')", "*the bot ended with 1 before it listened on 127.0.0.1*"),
        ("kf_sim.start_bot(['/no/such/bot'])", "*the bot cannot be started*"),
        ("kf_sim.start_bot(['false']).process.wait(); wang.hears(within=0)", "*within 0 s. The bot has ended with 1. *"),
        ("kf_sim.called('sendmsg')", "*there is no operation `sendmsg`: did you mean `send_msg`?*"),
        ("kf_sim.calls('sendmsg')", "*there is no operation `sendmsg`: did you mean `send_msg`?*"),
        ("kf_sim.fault('send_msg', 'errorcode')", "*there is no effect `errorcode`*"),
        ("echoes(kf_sim, wang); wang.stays_silent(within=0)", "*the bot has not read what 小王 wrote*"),
        ("sends_wrongly(kf_sim.env); wang.hears(within=0)", "*→ send_msg*errcode 40014*the access token is no longer accepted*"),
    ],
)
def test_failures_say_why(pytester, line, expected):
    pytester.makepyfile(f"{WRONG}\n\ndef test_it(kf_sim):\n    wang = kf_sim.customer('小王')\n    wang.says('你好')\n    {line}\n")
    result = pytester.runpytest_subprocess()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([expected])
    # The failure points at the line of the test, not into the package.
    result.stdout.no_fnmatch_line("*wecom_kf_sim/*.py:*")


def test_a_simulator_that_cannot_start_says_why():
    with pytest.raises(StartError, match="the simulator did not start: the name of an account has 1 to 16 characters"):
        Simulator.start(accounts=[" "])


def test_a_refusal_has_the_reason_and_the_status(kf_sim):
    with pytest.raises(ControlError, match="was refused: .*not be null|was refused: .*name") as refusal:
        kf_sim.control.customer_add(name="")
    assert refusal.value.status == 400


def test_an_unknown_option_is_named(pytester):
    pytester.makepyfile("import pytest\n@pytest.mark.kf_sim(sead=7)\ndef test_it(kf_sim): pass\n")
    result = pytester.runpytest_subprocess()
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*unexpected keyword argument 'sead'*"])


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
def test_the_simulator_ends_with_a_killed_parent():
    code = """
import os
from wecom_kf_sim import Simulator
simulator = Simulator.start()
print(simulator._process._child.pid, flush=True)
os.read(0, 1)
"""
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as parent:
        pid = int(parent.stdout.readline())
        watched = os.pidfd_open(pid)
        parent.send_signal(signal.SIGKILL)
        assert select.select([watched], [], [], 60)[0], "the simulator still runs"
        os.close(watched)


def test_the_program_is_the_one_of_the_wheel():
    output = subprocess.run([program(), "--version"], capture_output=True, text=True, check=True)
    assert output.stdout.startswith("wecom-kf-sim ")
