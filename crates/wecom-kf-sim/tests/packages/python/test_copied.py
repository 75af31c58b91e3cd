"""What "Copy as test" makes of the chat in `tests/console/reading.rs`, below the line to the letter."""

# ---
import sys

import pytest


@pytest.mark.kf_sim(seed=7, servicers=["lisi", "zhangsan"])
def test_the_bot_answers_as_it_did(kf_sim):
    kf_sim.control.department_add(department_id=3, userids=["wangwu"])
    kf_sim.control.corp_change(upgrade={"userids": [], "department_ids": [3], "chat_ids": ["wrGroup"]}, wechat_channels_bound=True)
    kf_sim.start_bot([sys.executable, "bot.py"], callback="/callback")  # your bot, in any language
    customer = kf_sim.customer("小王")
    customer.set_profile(gender=2, avatar="", unionid="u1")

    customer.enters(scene="spring")
    assert customer.hears().labels == ["营业时间", "转人工"]

    customer.says("周末\"开\"门吗？\n谢谢 😊")
    customer.hears("收到：周末\"开\"门吗？\n谢谢 😊")

    customer.says({"msgtype": "location", "location": {"latitude": 31.25, "longitude": 121.5, "name": "家"}})

    customer.says({"msgtype": "image"})

    customer.enters(scene="poster", scene_param="a=1")

    customer.enters(channels={"scene": 4, "nickname": "小店"})

    customer.says("有专人吗？")
    customer.hears("已为您推荐专员")
    customer.is_offered("wangwu")

    customer.accepts_offer()

    customer.says("不用了")
    customer.hears("好的")
    assert customer.offer is None

    kf_sim.advance(3600)
    customer.taps("human")
    customer.hears("正在为您转接人工 🙇")
    assert customer.state == 3

    said_19 = kf_sim.servicer("zhangsan").says(customer, "您好")

    kf_sim.servicer("zhangsan").recalls(customer, said_19)

    kf_sim.servicer("zhangsan").says(customer, {"msgtype": "business_card", "business_card": {"userid": "lisi"}})

    kf_sim.servicer("zhangsan").rejects(customer)

    kf_sim.servicer("zhangsan").stops_rejecting(customer)

    kf_sim.servicer("zhangsan").transfers(customer, "lisi")

    kf_sim.servicer("lisi").ends(customer)

    kf_sim.servicer("lisi").asks_to_rate(customer)

    customer.rates("satisfied")
    # The test fails if the simulator found mistakes of the bot.
