//! Tests of a bot, as a user of the package writes them.

import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";

import { Simulator, simulator } from "wecom-kf-sim";

import { Bot } from "./bot.js";

const PROGRAM = [process.execPath, new URL("./bot.js", import.meta.url).pathname];

/** A simulator, and the bot as a process of its own. */
async function withBot(t, options = {}) {
  const sim = await simulator(t, { clock: "manual", servicers: ["zhangsan", "lisi"], ...options });
  await sim.startBot(PROGRAM, { callback: "/callback" });
  await sim.verifyCallback();
  return sim;
}

test("answers", async (t) => {
  const sim = await withBot(t);
  const wang = await sim.customer("小王");
  await wang.says("你好");
  assert.equal((await wang.hears("收到：你好")).servicerUserid, null);
  await wang.says("营业时间？");
  await wang.hears(/营业时间/);
  assert.equal(await wang.state(), 1);
  const sends = await sim.called("send_msg", { times: 2 });
  assert.deepEqual(sends.map(({ errcode }) => errcode), [0, 0]);
});

test("repeats what was refused as busy", async (t) => {
  const sim = await withBot(t);
  const busy = await sim.fault("send_msg", "errcode", { errcode: -1, times: 2 });
  const wang = await sim.customer("小王");
  await wang.says("你好");
  await wang.hears("收到：你好");
  assert.equal(await busy.hits(), 2);
});

test("survives a lost callback", async (t) => {
  const sim = await withBot(t);
  await sim.fault("callback", "lost");
  const wang = await sim.customer("小王");
  await wang.says("一");
  await wang.says("二");
  await wang.hears("收到：一");
  await wang.hears("收到：二");
});

test("renews an expired token", async (t) => {
  const sim = await withBot(t);
  const wang = await sim.customer("小王");
  await wang.says("一");
  await wang.hears("收到：一");
  await sim.control.tokenExpire();
  await wang.says("二");
  await wang.hears("收到：二");
  assert.equal((await sim.called("gettoken", { times: 2 })).length, 2);
});

test("hands over to servicers", async (t) => {
  const sim = await withBot(t);
  const wang = await sim.customer("小王");
  await wang.says("转人工");
  await sim.called("service_state_trans");
  assert.equal(await wang.state(), 2);
  const zhangsan = await sim.servicer("zhangsan");
  await zhangsan.takes(wang);
  await zhangsan.writes(wang, "我是张三");
  assert.equal((await wang.hears("我是张三")).servicerUserid, "zhangsan");
  await zhangsan.transfers(wang, "lisi");
  await (await sim.servicer("lisi")).ends(wang);
  assert.equal(await wang.state(), 4);
});

test("the clock closes the window", async (t) => {
  const sim = await withBot(t);
  const wang = await sim.customer("小王");
  await wang.says("你好");
  await wang.hears("收到：你好");
  const before = await sim.now();
  await sim.advance("49h");
  assert.equal((await sim.now()) - before, 49 * 3600);
  assert.equal((await wang.session()).window_left_s, 0);
});

test("a bot in this process", async (t) => {
  const sim = await simulator(t);
  const bot = new Bot();
  const server = bot.server().listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => server.close());
  await sim.setCallback(`http://127.0.0.1:${server.address().port}/callback`);
  bot.configure(await sim.env());
  const wang = await sim.customer("小王");
  await wang.says("你好");
  await wang.hears("收到：你好");
});

test("several accounts", async (t) => {
  const sim = await withBot(t, { accounts: ["售前", "售后"] });
  const [before, after] = await sim.openKfids();
  const wang = await sim.customer("小王", { openKfid: before });
  const li = await sim.customer("小李", { openKfid: after });
  await wang.says("一");
  await wang.hears("收到：一");
  await li.says("二");
  await li.hears("收到：二");
});

test("without node:test", async () => {
  const [one, other] = await Promise.all([Simulator.start({ seed: 7 }), Simulator.start({ seed: 7 })]);
  assert.equal(await one.corpId(), await other.corpId());
  assert.notEqual(one.baseUrl, other.baseUrl);
  await Promise.all([one.stop(), other.stop()]);
});
