//! Customers and servicers, as tests use them.

import { fail, lastCalls } from "./texts.js";
import { PATIENCE_S, waits } from "./waiting.js";

/** What changes without a call of the bot is looked at again after this many seconds. */
const RECHECK_S = 1;

/** A message that a customer got from the bot. */
export class Heard {
  constructor(entry) {
    this.entry = entry;
    this.msgtype = entry.msgtype;
    this.body = entry.body;
    this.msgid = entry.msgid;
  }

  get text() {
    return this.msgtype === "text" ? this.body.content : undefined;
  }

  get labels() {
    const items = this.msgtype === "msgmenu" ? (this.body.list ?? []) : [];
    return items.filter(({ type }) => type === "click").map(({ click }) => click.content);
  }
}

/** A customer at one account. */
export class Customer {
  #corp;
  #heard = 0;
  /** The newest own message, which a bot that reads has seen. */
  #written;

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
    return this.#wrote(await this.#corp.control.customerWrite({ ...this.#id, body: asMessage(message) }));
  }

  async sends(kind, content, { filename } = {}) {
    const { media_id } = await this.#corp.control.mediaAdd({ type: kind, filename, body: content });
    return this.says({ msgtype: kind, [kind]: { media_id } });
  }

  async hears(expected, { within = PATIENCE_S } = {}) {
    const heard = await this.#next(within);
    const text = heard.text ?? "";
    const isIt = expected instanceof RegExp ? expected.test(text) : expected === undefined || text === expected;
    if (!isIt) {
      fail(`${this.name} heard ${shown(heard)} instead of ${expected}`, shown(heard), expected);
    }
    return heard;
  }

  async #next(within) {
    const heard = await this.#find(within);
    if (!heard) fail(`${this.name} heard nothing within ${within} s. ${await lastCalls(this.#corp)}`);
    return heard;
  }

  /** Waits for the next message of the bot. */
  async #find(within) {
    for (const wait of waits(within)) {
      const { entries } = await this.#corp.control.chat({ ...this.#id, after: this.#heard, wait });
      for (const entry of entries) {
        this.#heard = entry.n;
        if (entry.from === "bot") return new Heard(entry);
      }
    }
    return undefined;
  }

  async staysSilent(seconds = 1, { within = PATIENCE_S } = {}) {
    await this.#waitUntilRead(within);
    const heard = await this.#find(seconds);
    if (heard) fail(`${this.name} heard ${shown(heard)}, but nothing was expected. ${await lastCalls(this.#corp)}`);
  }

  async chat() {
    return (await this.#corp.control.chat(this.#id)).entries;
  }

  async enters(link = {}) {
    return (await this.#corp.control.customerEnter({ ...this.#id, ...link })).welcome_code;
  }

  async taps(menuId, { content } = {}) {
    return this.#wrote(await this.#corp.control.customerTap({ ...this.#id, menu_id: menuId, content }));
  }

  async recalls(msgid) {
    await this.#corp.control.customerRecall({ ...this.#id, msgid });
  }

  async rates(rating) {
    await this.#corp.control.customerRate({ ...this.#id, rating });
  }

  async offer() {
    return (await this.#corp.control.customer(this.#id)).upgrade_offer;
  }

  async isOffered(id, { within = PATIENCE_S } = {}) {
    await this.#until(async () => (await this.offer())?.id === id, `was not offered ${id}`, within);
  }

  async acceptsOffer() {
    await this.#corp.control.upgradeAccept(this.#id);
  }

  async isWith(userid, { within = PATIENCE_S } = {}) {
    await this.#until(async () => (await this.session()).servicer_userid === userid, `is not with ${userid}`, within);
  }

  async setProfile({ gender, avatar, unionid }) {
    await this.#corp.control.customerChange({ ...this.#id, gender, avatar, unionid });
  }

  async session() {
    return (await this.#corp.control.customer(this.#id)).session;
  }

  async state() {
    return (await this.session()).state;
  }

  #wrote({ msgid }) {
    this.#written = msgid;
    return msgid;
  }

  /** Waits until a page of sync_msg had the newest own message. */
  async #waitUntilRead(within) {
    if (this.#written === undefined) return;
    let after = 0;
    for (const wait of waits(within)) {
      const query = { op: "sync_msg", involves: this.externalUserid, after, wait };
      const { entries } = await this.#corp.control.journal(query);
      if (entries.some(({ reply }) => reply?.msg_list?.some(({ msgid }) => msgid === this.#written))) return;
      after = Math.max(after, ...entries.map(({ n }) => n));
    }
    fail(`the bot has not read what ${this.name} wrote. ${await lastCalls(this.#corp)}`);
  }

  /** Asks again after every call of the bot, and fails when it takes longer than `within`. */
  async #until(holds, problem, within) {
    for (const wait of waits(within, RECHECK_S)) {
      const { last } = await this.#corp.control.journal({ limit: 1 });
      if (await holds()) return;
      await this.#corp.control.journal({ kind: "call", after: last, wait });
    }
    fail(`${this.name} ${problem} within ${within} s. ${await lastCalls(this.#corp)}`);
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

  async says(customer, message) {
    const body = { ...asMessage(message), servicer_userid: this.userid };
    return (await this.#control.sessionReply({ ...place(customer), body })).msgid;
  }

  async recalls(customer, msgid) {
    await this.#control.sessionRecall({ ...place(customer), msgid });
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

  async rejects(customer) {
    await this.#control.sessionReject({ ...place(customer), servicer_userid: this.userid, rejecting: true });
  }

  async stopsRejecting(customer) {
    await this.#control.sessionReject({ ...place(customer), servicer_userid: this.userid, rejecting: false });
  }

  async stops() {
    await this.#control.servicerSet({ userid: this.userid, receiving: false });
  }

  async suspends() {
    await this.#control.servicerSet({ userid: this.userid, suspended: true });
  }

  async resumes() {
    await this.#control.servicerSet({ userid: this.userid, receiving: true, suspended: false });
  }
}

function asMessage(message) {
  return typeof message === "string" ? { msgtype: "text", text: message } : message;
}

function place(customer) {
  return { kf: customer.openKfid, id: customer.externalUserid };
}

function shown(heard) {
  return heard.text ?? `[${heard.msgtype}] ${JSON.stringify(heard.body)}`;
}
