"""Tests of a bot, as a user of the wheel writes them."""

import os
import sys
import threading
from datetime import timedelta
from pathlib import Path

import pytest

from bot import Bot
from wecom_kf_sim import Simulator

pytestmark = pytest.mark.kf_sim(clock="manual", servicers=["zhangsan", "lisi"])
PROGRAM = [sys.executable, Path(__file__).parent / "bot.py"]


@pytest.fixture
def bot(kf_sim):
    """The bot as a process of its own."""
    kf_sim.start_bot(PROGRAM, callback="/callback")
    kf_sim.verify_callback()
    return kf_sim


def test_answers(bot):
    wang = bot.customer("小王")
    wang.says("你好")
    wang.hears("收到：你好")
    wang.says("营业时间？")
    wang.hears("收到：营业时间？")
    assert wang.state == 1
    assert [entry["errcode"] for entry in bot.called("send_msg", times=2)] == [0, 0]


def test_two_customers_hear_their_own_answer(bot):
    wang, li = bot.customer("小王"), bot.customer("小李")
    wang.says("一")
    li.says("二")
    li.hears("收到：二")
    wang.hears("收到：一")


def test_repeats_what_was_refused_as_busy(bot):
    busy = bot.fault("send_msg", "errcode", errcode=-1, times=2)
    wang = bot.customer("小王")
    wang.says("你好")
    wang.hears("收到：你好")
    assert busy.hits == 2
    assert len(bot.called("send_msg", times=2, errcode=-1)) == 2


def test_survives_a_lost_callback(bot):
    bot.fault("callback", "lost")
    wang = bot.customer("小王")
    wang.says("一")
    wang.says("二")
    wang.hears("收到：一")
    wang.hears("收到：二")


def test_renews_an_expired_token(bot):
    wang = bot.customer("小王")
    wang.says("一")
    wang.hears("收到：一")
    bot.control.token_expire()
    wang.says("二")
    wang.hears("收到：二")
    assert len(bot.called("gettoken", times=2)) == 2


def test_hands_over_to_servicers(bot):
    wang = bot.customer("小王")
    wang.says("转人工")
    bot.called("service_state_trans")
    assert wang.state == 2
    zhangsan = bot.servicer("zhangsan")
    zhangsan.takes(wang)
    wang.is_with("zhangsan")
    msgid = zhangsan.says(wang, "我是张三")
    assert [entry["msgid"] for entry in wang.chat() if entry["servicer_userid"] == "zhangsan"] == [msgid]
    # A servicer has the session, so the bot must not answer.
    wang.says("在吗")
    wang.stays_silent()
    zhangsan.transfers(wang, "lisi")
    assert wang.session["servicer_userid"] == "lisi"
    bot.servicer("lisi").ends(wang)
    assert wang.state == 4


def test_what_people_do_is_played(bot):
    wang, zhangsan = bot.customer("小王"), bot.servicer("zhangsan")
    wang.set_profile(gender=2, avatar="", unionid="u1")
    assert bot.control.customer(wang.external_userid)["profile"] == {"gender": 2, "avatar": None, "unionid": "u1"}
    msgid = wang.sends("image", b"\x89PNG\r\n\x1a\n", filename="p.png")
    wang.recalls(msgid)
    said = zhangsan.says(wang, "您好")
    zhangsan.recalls(wang, said)
    assert [entry["msgid"] for entry in wang.chat() if entry["recalled"]] == [msgid, said]
    zhangsan.rejects(wang)
    assert wang.session["rejecting"]
    zhangsan.stops_rejecting(wang)
    assert not wang.session["rejecting"]
    zhangsan.suspends()
    zhangsan.resumes()
    zhangsan.ends(wang)
    zhangsan.asks_to_rate(wang)
    wang.rates("satisfied")


def test_menus_and_offers(bot):
    bot.control.corp_change(upgrade={"userids": ["wangwu"]})
    wang = bot.customer("小王")
    wang.enters()
    assert wang.hears().labels == ["营业时间", "转人工"]
    assert wang.offer is None
    wang.says("有专人吗？")
    wang.is_offered("wangwu")
    wang.accepts_offer()
    assert wang.offer["accepted"]
    wang.taps("human")
    wang.is_with("zhangsan")


def test_the_clock_closes_the_window(bot):
    wang = bot.customer("小王")
    wang.says("你好")
    wang.hears("收到：你好")
    before = bot.now
    bot.advance(timedelta(hours=49))
    assert bot.now - before == 49 * 3600
    assert wang.session["window_left_s"] == 0


def test_a_bot_in_this_process(kf_sim):
    bot = Bot()
    with bot.server(("127.0.0.1", 0)) as server:
        kf_sim.set_callback(f"http://127.0.0.1:{server.server_address[1]}/callback")
        bot.configure(kf_sim.env)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        wang = kf_sim.customer("小王")
        wang.says("你好")
        wang.hears("收到：你好")
        server.shutdown()


def test_variables_are_in_the_environment(kf_sim, kf_sim_env):
    assert os.environ["WECOM_KF_BASE_URL"] == kf_sim.base_url
    assert set(kf_sim_env) == {"WECOM_CORP_ID", "WECOM_KF_SECRET", "WECOM_KF_BASE_URL", "WECOM_KF_OPEN_KFID"}


@pytest.mark.kf_sim(accounts=["售前", "售后"])
def test_several_accounts(bot):
    before, after = bot.open_kfids
    wang, li = bot.customer("小王", open_kfid=before), bot.customer("小李", open_kfid=after)
    wang.says("一")
    wang.hears("收到：一")
    li.says("二")
    li.hears("收到：二")
    assert (wang.open_kfid, li.open_kfid) == (before, after)


def test_without_pytest():
    with Simulator.start(seed=7) as one, Simulator.start(seed=7) as other:
        assert one.corp_id == other.corp_id
        assert one.base_url != other.base_url
