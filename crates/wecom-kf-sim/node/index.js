//! The simulator and its people, as tests use them.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { connect, createServer } from "node:net";

import { Control } from "./control.js";
import { Customer, Servicer } from "./people.js";
import { Process, StartError } from "./program.js";
import { fail, finding, hasEnded, lastCalls, words } from "./texts.js";
import { PATIENCE_S, asDuration, waits } from "./waiting.js";

export { Control } from "./control.js";
export { Customer, Heard, Servicer } from "./people.js";
export { StartError, program } from "./program.js";
export { ControlError } from "./transport.js";

/** Milliseconds between two tries to reach a bot that starts: the system has no event for that. */
const KNOCK_MS = 50;
const FOUND = { en: "the simulator found mistakes of the bot:", zh: "模拟器发现机器人做错了：" };

/** A fault that was added. */
export class Fault {
  #control;

  constructor(corp, told) {
    this.#control = corp.control;
    this.id = told.id;
  }

  async hits() {
    const { faults } = await this.#control.faults();
    return faults.find(({ id }) => id === this.id)?.hits ?? 0;
  }

  async remove() {
    await this.#control.faultRemove({ id: this.id });
  }
}

/** One corp of a simulator. */
export class Corp {
  #customers = new Map();

  constructor(baseUrl, corpId) {
    this.control = new Control(baseUrl, corpId);
    this.baseUrl = baseUrl;
    this.allowed = new Set();
  }

  async env() {
    const { vars } = await this.control.info();
    return Object.fromEntries(vars.map(({ name, value }) => [name, value]));
  }

  async corpId() {
    return (await this.control.info()).corp_id;
  }

  async openKfids() {
    const { accounts } = await this.control.accounts();
    return accounts.filter(({ deleted }) => !deleted).map(({ open_kfid }) => open_kfid);
  }

  async customer(name, { openKfid } = {}) {
    const told = await this.control.customerAdd({ name, open_kfid: openKfid });
    const id = told.external_userid;
    if (!this.#customers.has(id)) this.#customers.set(id, new Customer(this, told));
    return this.#customers.get(id);
  }

  async servicer(userid) {
    const { servicers } = await this.control.servicers();
    if (!servicers.some((known) => known.userid === userid)) await this.control.servicerSet({ userid });
    return new Servicer(this, userid);
  }

  async fault(operation, effect, members = {}) {
    const { faults } = await this.control.faultAdd({ body: { operation, effect, ...members } });
    return new Fault(this, faults[0]);
  }

  async setCallback(url, { token, aesKey } = {}) {
    await this.control.callbackSet({ url, token, encoding_aes_key: aesKey });
  }

  async verifyCallback() {
    const { problem } = await this.control.callbackVerify();
    if (problem !== null) fail(`the verification of the callback's URL failed: ${words(problem)}`);
  }

  async called(operation, { times = 1, errcode, within = PATIENCE_S } = {}) {
    let made = 0;
    for (const wait of waits(within)) {
      const journal = await this.control.journal({ op: operation, errcode, count: times, wait });
      if (journal.complete) return journal.entries;
      made = journal.entries.length;
    }
    const answer = errcode === undefined ? "" : ` with errcode ${errcode}`;
    fail(
      `the bot made ${made} instead of ${times} calls of ${operation}${answer} within ${within} s. ${await lastCalls(this)}`,
      made,
      times,
    );
  }

  async calls(operation) {
    return (await this.control.journal({ kind: "call", op: operation, limit: 10_000 })).entries;
  }

  report() {
    return this.control.report();
  }

  async check({ allow = [] } = {}) {
    const allowed = new Set([...this.allowed, ...allow]);
    const findings = (await this.report()).findings.filter(({ name }) => !allowed.has(name));
    if (findings.length > 0) {
      fail([words(FOUND), ...findings.map(finding)].join("\n"));
    }
  }

  async reset() {
    await this.control.reset();
    this.#customers.clear();
  }
}

/** A bot that was started as a process. */
export class Bot {
  constructor(process) {
    this.process = process;
  }

  async stop() {
    if (hasEnded(this.process)) return;
    const ended = once(this.process, "exit");
    this.process.kill();
    const patience = setTimeout(() => this.process.kill("SIGKILL"), PATIENCE_S * 1000);
    await ended;
    clearTimeout(patience);
  }
}

/** A simulator that runs as a child process. As a corp, it is the first one. */
export class Simulator extends Corp {
  #process;
  /** The bots that were started, those that have ended too. */
  bots = [];

  constructor(process) {
    super(process.baseUrl);
    this.#process = process;
  }

  static async start({ seed, clock, accounts, servicers, strictness, disabledAssumptions, config, state, log } = {}) {
    const lists = { account: accounts, servicer: servicers, "disable-assumption": disabledAssumptions };
    const flags = Object.entries({ seed, clock, strictness, config, state, ...lists }).flatMap(([flag, values]) =>
      [values ?? []].flat().map((value) => `--${flag}=${value}`),
    );
    return new Simulator(await Process.start(["--port=0", ...flags], { log }));
  }

  corp(corpId) {
    return new Corp(this.baseUrl, corpId);
  }

  async now() {
    return (await this.control.clock()).now;
  }

  async advance(duration) {
    await this.control.clockSet({ advance: asDuration(duration) });
  }

  async startBot([command, ...parameters], { callback, env = {} } = {}) {
    const port = await freePort();
    if (callback !== undefined) await this.setCallback(`http://127.0.0.1:${port}${callback}`);
    const child = spawn(command, parameters, {
      env: { ...environment(), ...(await this.env()), ...env },
      stdio: ["ignore", "inherit", "inherit"],
    });
    const bot = new Bot(child);
    this.bots.push(bot);
    await once(child, "spawn").catch((error) => {
      this.bots.pop();
      throw new StartError(`the bot cannot be started: ${error.message}`);
    });
    if (callback !== undefined) await untilItListens(child, port);
    return bot;
  }

  async stop() {
    for (const bot of this.bots) await bot.stop();
    await this.#process.stop();
  }

  [Symbol.asyncDispose ?? Symbol.for("Symbol.asyncDispose")]() {
    return this.stop();
  }
}

/** Starts a simulator for one test of node:test. */
export async function simulator(t, { allow = [], ...options } = {}) {
  const sim = await Simulator.start(options);
  for (const name of allow) sim.allowed.add(name);
  t.after(async () => {
    try {
      const { corps } = await sim.control.info();
      for (const corpId of corps) await sim.corp(corpId).check({ allow: sim.allowed });
    } finally {
      await sim.stop();
    }
  });
  return sim;
}

/** The environment of this process, in which no proxy stands between a bot and the simulator. */
function environment() {
  const exempt = [process.env.NO_PROXY || process.env.no_proxy, "127.0.0.1", "localhost"].filter(Boolean).join(",");
  return { ...process.env, NO_PROXY: exempt, no_proxy: exempt };
}

async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  await once(server, "close");
  return port;
}

async function untilItListens(child, port) {
  const end = performance.now() + PATIENCE_S * 1000;
  while (performance.now() < end) {
    if (hasEnded(child)) {
      throw new StartError(`the bot ended with ${child.exitCode} before it listened on 127.0.0.1:${port}`);
    }
    const socket = connect(port, "127.0.0.1");
    const isThere = await once(socket, "connect").then(
      () => true,
      () => false,
    );
    socket.destroy();
    if (isThere) return;
    await new Promise((resolve) => setTimeout(resolve, KNOCK_MS));
  }
  throw new StartError(
    `the bot did not listen on 127.0.0.1:${port} within ${PATIENCE_S} s: does it read WECOM_KF_LISTEN?`,
  );
}
