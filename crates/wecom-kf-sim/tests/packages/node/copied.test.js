//! What "Copy as test" makes of the chat in `tests/console/reading.rs`, below the line to the letter.

// ---
import assert from "node:assert/strict";
import { test } from "node:test";

import { simulator } from "wecom-kf-sim";

test("the bot answers as it did", async (t) => {
  const sim = await simulator(t, { seed: 7, servicers: ["lisi", "zhangsan"] });
  await sim.control.departmentAdd({ department_id: 3, userids: ["wangwu"] });
  await sim.control.corpChange({ upgrade: { userids: [], department_ids: [3], chat_ids: ["wrGroup"] }, wechat_channels_bound: true });
  await sim.startBot(["node", "bot.js"], { callback: "/callback" }); // your bot, in any language
  const customer = await sim.customer("小王");
  await customer.setProfile({ gender: 2, avatar: "", unionid: "u1" });

  await customer.enters({ scene: "spring" });
  assert.deepEqual((await customer.hears()).labels, ["营业时间", "转人工"]);

  await customer.says("周末\"开\"门吗？\n谢谢 😊");
  await customer.hears("收到：周末\"开\"门吗？\n谢谢 😊");

  await customer.says({ msgtype: "location", location: { latitude: 31.25, longitude: 121.5, name: "家" } });

  await customer.says({ msgtype: "image" });

  await customer.enters({ scene: "poster", scene_param: "a=1" });

  await customer.enters({ channels: { scene: 4, nickname: "小店" } });

  await customer.says("有专人吗？");
  await customer.hears("已为您推荐专员");
  await customer.isOffered("wangwu");

  await customer.acceptsOffer();

  await customer.says("不用了");
  await customer.hears("好的");
  assert.equal(await customer.offer(), null);

  await sim.advance(3600);
  await customer.taps("human");
  await customer.hears("正在为您转接人工 🙇");
  assert.equal(await customer.state(), 3);

  const said19 = await (await sim.servicer("zhangsan")).says(customer, "您好");

  await (await sim.servicer("zhangsan")).recalls(customer, said19);

  await (await sim.servicer("zhangsan")).says(customer, { msgtype: "business_card", business_card: { userid: "lisi" } });

  await (await sim.servicer("zhangsan")).rejects(customer);

  await (await sim.servicer("zhangsan")).stopsRejecting(customer);

  await (await sim.servicer("zhangsan")).transfers(customer, "lisi");

  await (await sim.servicer("lisi")).ends(customer);

  await (await sim.servicer("lisi")).asksToRate(customer);

  await customer.rates("satisfied");
  // The test fails if the simulator found mistakes of the bot.
});
