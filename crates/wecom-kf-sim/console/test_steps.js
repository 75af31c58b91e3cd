// A chat as the steps of a test, for any language: what people did, and what the bot answered.

/** A pause of the chat this long is a step of the clock in the test. */
const PAUSE_S = 600;

/**
 * @typedef {object} Step
 * @property {string} does What happens: a method of `Chat` below says which members it has.
 * @property {boolean} [begins] A person does something, so that a new part of the test begins.
 * @property {number} [name] The number by which a message is named that is recalled later.
 * @property {any} [text]
 * @property {any} [body]
 * @property {any} [id]
 * @property {string} [msgtype]
 * @property {string} [by] The servicer who does it.
 * @property {string} [to]
 * @property {number} [state]
 * @property {number} [seconds]
 * @property {string[]} [labels]
 * @property {string} [rating]
 * @property {{ scene?: string, scene_param?: string, channels?: { scene: number, nickname: string } }} [link] How the customer
 *   comes in, as the control API takes it.
 */

/**
 * @typedef {object} Plan
 * @property {string} name The customer.
 * @property {string | null} seed
 * @property {string[]} servicers
 * @property {any[]} departments
 * @property {any} upgrade What the corp's console allows the bot to offer; null as it is at first.
 * @property {boolean} hasChannels
 * @property {{ gender?: number, avatar?: string, unionid?: string }} profile What differs from a new customer; "" is none.
 * @property {Step[]} steps
 */

/** Kinds whose body is a file: the test's simulator makes one. */
export const isFile = (msgtype) => ['image', 'voice', 'video', 'file'].includes(msgtype);

/**
 * The plan of the test that repeats a chat. Only the bot's own messages are checked; what people do is played.
 * @returns {Plan}
 */
export function planOf(person, entries, { servicers, info, corp }) {
  const chat = new Chat(entries);
  for (const entry of entries) chat.add(entry);
  chat.settle();
  // Where the console manages offers the API makes none, so that was set later.
  const hasOffers = entries.some(({ from, body }) => from === 'note' && body.event === 'offered');
  const { userids, department_ids, chat_ids, managed_in_console: isManaged } = corp.upgrade;
  const upgrade = {
    ...(userids.length + department_ids.length > 0 ? { userids, department_ids } : {}),
    ...(chat_ids.length > 0 ? { chat_ids } : {}),
    ...(isManaged && !hasOffers ? { managed_in_console: true } : {}),
  };
  return {
    name: person.name,
    seed: info?.seed ?? null,
    // Who serves no account is a member of a department at most.
    servicers: [...servicers.values()].filter(({ open_kfids }) => open_kfids.length > 0).map(({ userid }) => userid),
    departments: corp.departments,
    upgrade: Object.keys(upgrade).length > 0 ? upgrade : null,
    hasChannels: corp.wechat_channels_bound,
    profile: profileOf(person.profile),
    steps: chat.steps,
  };
}

function profileOf({ gender, avatar, unionid }) {
  return {
    ...(gender !== 0 ? { gender } : {}),
    ...(avatar?.startsWith('http://avatar.example/') ? {} : { avatar: avatar ?? '' }),
    ...(unionid !== null ? { unionid } : {}),
  };
}

class Chat {
  /** @type {Step[]} */
  steps = [];
  /** Who has the session. */
  holder = null;
  /** What the bot did without a message, as steps for after its next one, when it is sure to be done. */
  chosen = new Map();
  /** Who was offered last, until that is waited for. */
  offer = null;
  last = null;
  pause = 0;
  /** The ids of click items that a menu had. */
  items = new Set();

  constructor(entries) {
    this.entries = new Map(entries.map((entry) => [entry.msgid, entry]));
  }

  add(entry) {
    if (this.last !== null && entry.at - this.last >= PAUSE_S) this.pause = entry.at - this.last;
    this.last = entry.at;
    this[entry.from](entry);
  }

  /** The next thing that a person does. @param {Step} step */
  begin(step) {
    this.settle();
    this.chosen.clear();
    const time = this.time();
    if (time) this.steps.push({ ...time, begins: true });
    this.steps.push({ ...step, begins: !time });
  }

  /** Before people go on: the bot may still be at it. */
  settle() {
    if (this.offer !== null) this.steps.push({ does: 'is_offered', id: this.offer });
    this.offer = null;
  }

  /** @returns {Step | null} */
  time() {
    const seconds = this.pause;
    this.pause = 0;
    return seconds > 0 ? { does: 'advance', seconds } : null;
  }

  passTime() {
    const time = this.time();
    if (time) this.steps.push(time);
  }

  customer({ msgtype, body, recalled, n }) {
    const name = recalled ? n : undefined;
    if (msgtype !== 'text') this.begin({ does: 'sends', msgtype, body, name });
    else if (!body.menu_id) this.begin({ does: 'says', text: body.content, name });
    else if (this.items.has(body.menu_id)) this.begin({ does: 'chooses', id: body.menu_id, text: body.content, name });
    else this.begin({ does: 'taps', id: body.menu_id, text: body.content, name });
  }

  bot({ msgtype, body, recalled }) {
    // What was not delivered is not heard.
    if (recalled) return;
    this.passTime();
    if (msgtype === 'text') this.steps.push({ does: 'hears', text: body.content });
    else if (msgtype === 'msgmenu') this.menu(body);
    else this.steps.push({ does: 'hears_kind', msgtype });
    this.steps.push(...this.chosen.values());
    this.chosen.clear();
  }

  menu(body) {
    const clicks = (body.list ?? []).filter(({ type }) => type === 'click').map(({ click }) => click);
    for (const { id } of clicks) this.items.add(id);
    if (clicks.length > 0) this.steps.push({ does: 'hears_menu', labels: clicks.map(({ content }) => content) });
    else this.steps.push({ does: 'hears_kind', msgtype: 'msgmenu' });
  }

  servicer({ msgtype, servicer_userid: by, body, recalled, n }) {
    this.holder = by;
    const name = recalled ? n : undefined;
    if (msgtype === 'text') this.begin({ does: 'says', by, text: body.content, name });
    else this.begin({ does: 'sends', by, msgtype, body, name });
  }

  note({ body }) {
    const { event, by, state, servicer_userid: userid, rejecting, msgid, rating } = body;
    if (event === 'entered') this.enter(body);
    if (event === 'offered' || event === 'withdrawn') this.decide(event, body);
    if (event === 'accepted') this.begin({ does: 'accepts' });
    if (event === 'asked_to_rate') this.begin({ does: 'asks_to_rate', by: userid });
    if (event === 'rated') this.begin({ does: 'rates', rating });
    if (event === 'recalled') this.recall(msgid);
    if (event === 'rejecting') this.begin({ does: rejecting ? 'rejects' : 'stops_rejecting', by: userid });
    if (event === 'state') this.chosen.set('state', { does: 'state_is', state });
    if (by === 'api') return;
    if (event === 'taken') this.begin({ does: 'takes', by: userid });
    if (event === 'transferred' && this.holder) this.begin({ does: 'transfers', by: this.holder, to: userid });
    if (event === 'ended') this.begin({ does: 'ends', by: userid });
    if (event === 'taken' || event === 'transferred') this.holder = userid;
  }

  /** A link of the bot's says no more to it than its scene does, which needs no link to be there. */
  enter({ scene, scene_param: param, wechat_channels: channels }) {
    const nickname = channels?.nickname ?? channels?.shop_nickname;
    const link = channels
      ? { channels: { scene: channels.scene, nickname } }
      : { ...(scene ? { scene } : {}), ...(param === undefined ? {} : { scene_param: param }) };
    this.begin({ does: 'enters', link });
  }

  /** The bot offers, or withdraws what it offered. */
  decide(event, { id }) {
    this.passTime();
    this.offer = event === 'offered' ? id : null;
    if (event === 'offered') this.chosen.delete('offer');
    else this.chosen.set('offer', { does: 'has_no_offer' });
  }

  recall(msgid) {
    const entry = this.entries.get(msgid);
    if (entry?.from !== 'customer' && entry?.from !== 'servicer') return;
    const { n, body, msgtype, servicer_userid: by } = entry;
    const text = msgtype === 'text' ? body.content : undefined;
    this.begin({ does: 'recalls', by: by ?? undefined, name: n, text });
  }
}

/**
 * A literal text between double quotes. What has no sign of its own could hide what a test says.
 * @param {(code: number) => string} write How the language writes a character by its number.
 */
export function quoted(text, write) {
  const escaped = String(text)
    .replace(/[\\"]/g, '\\$&')
    .replaceAll('\n', '\\n')
    .replaceAll('\r', '\\r')
    .replaceAll('\t', '\\t')
    .replace(/[\p{Cc}\u200e\u200f\u2028-\u202e\u2066-\u2069]/gu, (sign) => write(sign.codePointAt(0)));
  return `"${escaped}"`;
}

/** `\u000a`, as Python, JavaScript and YAML write it. */
export const fourDigits = (code) => `\\u${code.toString(16).padStart(4, '0')}`;
