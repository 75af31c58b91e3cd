//! The simulator and its people, as tests use them.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { connect, createServer } from "node:net";
import { AssertionError } from "node:assert";

import { Control } from "./control.js";
import { Process, StartError } from "./program.js";

export { Control } from "./control.js";
export { StartError, program } from "./program.js";
export { ControlError } from "./transport.js";

/** Seconds to wait for the bot unless the test says otherwise. A machine that is busy must still pass. */
const PATIENCE_S = 60;
/** The simulator answers a waiting request after this time at the latest. */
const LONGEST_WAIT_S = 60;
/** Milliseconds between two tries to reach a bot that starts: the system has no event for that. */
const KNOCK_MS = 50;
/** How many of the bot's calls an error shows. */
const SHOWN_CALLS = 10;

/** A message that a customer got from the bot or a servicer. */
export class Heard {
  constructor(entry) {
    this.entry = entry;
    this.msgtype = entry.msgtype;
    this.body = entry.body;
    this.msgid = entry.msgid;
    this.servicerUserid = entry.servicer_userid;
  }

  get text() {
    return this.msgtype === "text" ? this.body.content : undefined;
  }
}

/** A customer at one account. */
export class Customer {
  #corp;
  #heard = 0;

  constructor(corp, told) {
    this.#corp = corp;
    this.externalUserid = told.external_userid;
    this.openKfid = told.open_kfid;
    this.name = told.name;
  }

  get #id() {
    return { id: this.externalUserid };
  }

  async says(message) {
    return (await this.#corp.control.customerWrite({ ...this.#id, body: asMessage(message) })).msgid;
  }

  async hears(expected, { within = PATIENCE_S } = {}) {
    const heard = await this.#next(within);
    const text = heard.text ?? "";
    const isIt = expected instanceof RegExp ? expected.test(text) : expected === undefined || text === expected;
    if (!isIt) {
      const shown = heard.text ?? `[${heard.msgtype}] ${JSON.stringify(heard.body)}`;
      fail(`${this.name} heard ${shown} instead of ${expected}`, shown, expected);
    }
    return heard;
  }

  async #next(within) {
    for (const wait of waits(within)) {
      const chat = await this.#corp.control.chat({ ...this.#id, after: this.#heard, wait });
      const entry = chat.entries.find(({ from }) => from === "bot" || from === "servicer");
      if (entry) {
        this.#heard = entry.n;
        return new Heard(entry);
      }
    }
    fail(`${this.name} heard nothing within ${within} s. ${await lastCalls(this.#corp)}`);
  }

  async chat() {
    return (await this.#corp.control.chat(this.#id)).entries;
  }

  async enters(link = {}) {
    return (await this.#corp.control.customerEnter({ ...this.#id, ...link })).welcome_code;
  }

  async taps(menuId, { content } = {}) {
    return (await this.#corp.control.customerTap({ ...this.#id, menu_id: menuId, content })).msgid;
  }

  async recalls(msgid) {
    await this.#corp.control.customerRecall({ ...this.#id, msgid });
  }

  async rates(rating) {
    await this.#corp.control.customerRate({ ...this.#id, rating });
  }

  async takesOffer() {
    await this.#corp.control.upgradeAccept(this.#id);
  }

  async session() {
    return (await this.#corp.control.customer(this.#id)).session;
  }

  async state() {
    return (await this.session()).state;
  }
}

/** A servicer. */
export class Servicer {
  #control;

  constructor(corp, userid) {
    this.#control = corp.control;
    this.userid = userid;
  }

  async takes(customer) {
    await this.#control.sessionTake({ ...place(customer), servicer_userid: this.userid });
  }

  async writes(customer, message) {
    const body = { ...asMessage(message), servicer_userid: this.userid };
    return (await this.#control.sessionReply({ ...place(customer), body })).msgid;
  }

  async transfers(customer, to) {
    await this.#control.sessionTransfer({ ...place(customer), to: to.userid ?? to });
  }

  async ends(customer) {
    await this.#control.sessionEnd(place(customer));
  }

  async asksToRate(customer) {
    await this.#control.ratingAsk({ ...place(customer), servicer_userid: this.userid });
  }

  async receives() {
    await this.#control.servicerSet({ userid: this.userid, receiving: true });
  }

  async stops() {
    await this.#control.servicerSet({ userid: this.userid, receiving: false });
  }
}

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
    if (problem !== null) fail(`the verification of the callback's URL failed: ${problem.en}`);
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
      fail(["the simulator found mistakes of the bot:", ...findings.map(finding)].join("\n"));
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

  static async start({ seed, clock, accounts, servicers, strictness, disabledAssumptions, config, log } = {}) {
    const lists = { account: accounts, servicer: servicers, "disable-assumption": disabledAssumptions };
    const flags = Object.entries({ seed, clock, strictness, config, ...lists }).flatMap(([flag, values]) =>
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
      env: { ...process.env, ...(await this.env()), ...env },
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

function asMessage(message) {
  return typeof message === "string" ? { msgtype: "text", text: message } : message;
}

function place(customer) {
  return { kf: customer.openKfid, id: customer.externalUserid };
}

function asDuration(duration) {
  return typeof duration === "string" ? duration : `${Math.round(duration * 1000)}ms`;
}

/** The waits that make up this time, none longer than the simulator takes. */
function* waits(within) {
  const end = performance.now() + within * 1000;
  for (;;) {
    const left = (end - performance.now()) / 1000;
    yield asDuration(Math.max(0, Math.min(left, LONGEST_WAIT_S)));
    if (left <= LONGEST_WAIT_S) return;
  }
}

function fail(message, actual, expected) {
  throw new AssertionError({ message, actual, expected, operator: "wecom-kf-sim" });
}

function finding({ name, count, title, proof, remedy }) {
  return `  ${[`${name} ×${count}: ${title.en}`, proof.en, remedy.en].join("\n    ")}`;
}

async function lastCalls(corp) {
  const ended = (corp.bots ?? []).map(({ process }) => process).filter(hasEnded);
  const said = ended.map(({ exitCode, signalCode }) => `The bot has ended with ${exitCode ?? signalCode}. `).join("");
  const { entries } = await corp.control.journal({ limit: SHOWN_CALLS });
  if (entries.length === 0) return `${said}The bot made no call, and got no callback.`;
  return [`${said}The last calls and callbacks:`, ...entries.map(row)].join("\n");
}

function row({ kind, operation, errcode, status, problem, fault, reply, findings }) {
  const outcome = errcode === null ? `HTTP ${status}` : `errcode ${errcode}`;
  // Why a call was refused, without WeCom's own hints at its end.
  const errmsg = errcode ? reply?.errmsg?.split(", hint: ")[0] : undefined;
  const remarks = [problem?.en, fault && `fault: ${fault}`, errmsg, ...findings].filter(Boolean);
  return [`  ${kind === "call" ? "<--" : "-->"} ${operation}`, outcome, ...remarks].join("  ");
}

function hasEnded(child) {
  return child.exitCode !== null || child.signalCode !== null;
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
