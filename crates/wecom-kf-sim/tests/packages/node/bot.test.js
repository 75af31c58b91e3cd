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
  await wang.hears("收到：你好");
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
  await wang.isWith("zhangsan");
  const msgid = await zhangsan.says(wang, "我是张三");
  const said = (await wang.chat()).filter(({ servicer_userid }) => servicer_userid === "zhangsan");
  assert.deepEqual(said.map((entry) => entry.msgid), [msgid]);
  // A servicer has the session, so the bot must not answer.
  await wang.says("在吗");
  await wang.staysSilent();
  await zhangsan.transfers(wang, "lisi");
  await (await sim.servicer("lisi")).ends(wang);
  assert.equal(await wang.state(), 4);
});

test("what people do is played", async (t) => {
  const sim = await withBot(t);
  const wang = await sim.customer("小王");
  const zhangsan = await sim.servicer("zhangsan");
  await wang.setProfile({ gender: 2, avatar: "", unionid: "u1" });
  const { profile } = await sim.control.customer({ id: wang.externalUserid });
  assert.deepEqual(profile, { gender: 2, avatar: null, unionid: "u1" });
  const msgid = await wang.sends("image", Buffer.from("\x89PNG\r\n\x1a\n", "latin1"), { filename: "p.png" });
  await wang.recalls(msgid);
  const said = await zhangsan.says(wang, "您好");
  await zhangsan.recalls(wang, said);
  const recalled = (await wang.chat()).filter((entry) => entry.recalled);
  assert.deepEqual(recalled.map((entry) => entry.msgid), [msgid, said]);
  await zhangsan.rejects(wang);
  assert.ok((await wang.session()).rejecting);
  await zhangsan.stopsRejecting(wang);
  assert.ok(!(await wang.session()).rejecting);
  await zhangsan.suspends();
  await zhangsan.resumes();
  await zhangsan.ends(wang);
  await zhangsan.asksToRate(wang);
  await wang.rates("satisfied");
});

test("menus and offers", async (t) => {
  const sim = await withBot(t);
  await sim.control.corpChange({ upgrade: { userids: ["wangwu"] } });
  const wang = await sim.customer("小王");
  await wang.enters();
  assert.deepEqual((await wang.hears()).labels, ["营业时间", "转人工"]);
  assert.equal(await wang.offer(), null);
  await wang.says("有专人吗？");
  await wang.isOffered("wangwu");
  await wang.acceptsOffer();
  assert.ok((await wang.offer()).accepted);
  await wang.taps("human");
  await wang.isWith("zhangsan");
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
