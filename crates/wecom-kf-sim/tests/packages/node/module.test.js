//! Tests of the module itself: what fails, and how it says so.

import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { test } from "node:test";
import { promisify } from "node:util";

import { ControlError, Simulator, StartError, program, simulator } from "wecom-kf-sim";

// The texts of failures are in English, whatever the language of this machine is.
process.env.WECOM_KF_LANG = "en";

/** Fetches a token twice, which is a finding. */
async function careless(sim) {
  const { WECOM_KF_BASE_URL: base, WECOM_CORP_ID: corpid, WECOM_KF_SECRET: corpsecret } = await sim.env();
  for (let call = 0; call < 2; call += 1) {
    await (await fetch(`${base}/cgi-bin/gettoken?${new URLSearchParams({ corpid, corpsecret })}`)).json();
  }
}

/** Writes to the customer without having read anything. */
async function echo(sim, wang) {
  const { WECOM_CORP_ID: corpid, WECOM_KF_SECRET: corpsecret } = await sim.env();
  const ask = async (path, request) => (await fetch(`${sim.baseUrl}/cgi-bin/${path}`, request)).json();
  const { access_token } = await ask(`gettoken?${new URLSearchParams({ corpid, corpsecret })}`);
  const message = { touser: wang.externalUserid, open_kfid: wang.openKfid, msgtype: "text", text: { content: "你好" } };
  const { errcode } = await ask(`kf/send_msg?access_token=${access_token}`, { method: "POST", body: JSON.stringify(message) });
  assert.equal(errcode, 0);
}

/** Stands for the context of a test, and runs what it is to run after it. */
class Context {
  #hooks = [];
  after(hook) {
    this.#hooks.push(hook);
  }
  async end() {
    for (const hook of this.#hooks) await hook();
  }
}

test("a finding fails the test", async () => {
  const t = new Context();
  await careless(await simulator(t));
  await assert.rejects(t.end(), /the simulator found mistakes of the bot:\n {2}token_refetched ×1: /);
});

test("findings are in the reader's language", async () => {
  process.env.WECOM_KF_LANG = "zh";
  const t = new Context();
  await careless(await simulator(t));
  await assert.rejects(t.end(), /模拟器发现机器人做错了：\n {2}token_refetched ×1: .*仍有效/);
  process.env.WECOM_KF_LANG = "en";
});

test("an allowed finding does not", async (t) => {
  await careless(await simulator(t, { allow: ["token_refetched"] }));
});

test("failures say why", async (t) => {
  const sim = await simulator(t);
  const wang = await sim.customer("小王");
  await wang.says("你好");
  await assert.rejects(wang.hears(undefined, { within: 0 }), /小王 heard nothing within 0 s. The bot made no call/);
  await assert.rejects(sim.called("send_msg", { within: 0 }), /the bot made 0 instead of 1 calls of send_msg within 0 s/);
  await fetch(`${sim.baseUrl}/cgi-bin/kf/send_msg?access_token=x`, { method: "POST", body: "{}" });
  await assert.rejects(wang.hears(undefined, { within: 0 }), /→ send_msg {2}errcode 40014 {2}the access token/);
  await echo(sim, wang);
  await assert.rejects(wang.hears("你好吗"), /小王 heard 你好 instead of 你好吗/);
  await assert.rejects(wang.staysSilent(1, { within: 0 }), /the bot has not read what 小王 wrote/);
  await sim.setCallback("http://127.0.0.1:9/");
  await assert.rejects(sim.verifyCallback(), /the verification of the callback's URL failed/);
  await assert.rejects(sim.startBot(["false"], { callback: "/" }), /the bot ended with 1 before it listened on 127.0.0.1/);
  await assert.rejects(sim.startBot(["/no/such/bot"]), /the bot cannot be started/);
  await assert.rejects(wang.hears(undefined, { within: 0 }), /The bot has ended with 1\. The last calls/);
  await assert.rejects(sim.called("sendmsg"), /there is no operation `sendmsg`: did you mean `send_msg`\?/);
  await assert.rejects(sim.calls("sendmsg"), /there is no operation `sendmsg`/);
  await assert.rejects(sim.fault("send_msg", "errorcode"), /there is no effect `errorcode`/);
});

test("a simulator that cannot start says why", async () => {
  await assert.rejects(Simulator.start({ accounts: [" "] }), (error) => {
    assert(error instanceof StartError);
    assert.match(error.message, /the simulator did not start: the name of an account has 1 to 16 characters/);
    return true;
  });
});

test("a refusal has the reason and the status", async (t) => {
  const sim = await simulator(t);
  await assert.rejects(sim.control.customerAdd({ name: "" }), (error) => {
    assert(error instanceof ControlError);
    assert.equal(error.status, 400);
    assert.match(error.message, /POST \/sim\/v1\/customers was refused: .*name/);
    return true;
  });
});

test("a simulator that nobody stops does not keep the process alive", async () => {
  const code = 'import { Simulator } from "wecom-kf-sim"; console.log((await Simulator.start()).baseUrl);';
  const { stdout } = await promisify(execFile)(process.execPath, ["--input-type=module", "--eval", code], {
    cwd: new URL(".", import.meta.url).pathname,
  });
  assert.match(stdout, /^http:/);
});

test("the simulator ends with a killed parent", async () => {
  const code =
    'import { Simulator } from "wecom-kf-sim"; console.log((await Simulator.start()).baseUrl); setInterval(() => {}, 1000);';
  const parent = spawn(process.execPath, ["--input-type=module", "--eval", code], {
    cwd: new URL(".", import.meta.url).pathname,
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [chunk] = await once(parent.stdout, "data");
  // This stream of events ends with the simulator.
  const events = await fetch(`${String(chunk).trim()}/sim/v1/events`);
  parent.kill("SIGKILL");
  await events.text().catch(() => {});
});

test("the program is in the package", async () => {
  const { stdout } = await promisify(execFile)(program(), ["--version"]);
  assert.match(stdout, /^wecom-kf-sim /);
});
