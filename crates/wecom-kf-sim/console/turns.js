// Groups the journal's rows by turn: what set the bot going, what it read, and what it did then.

/** @typedef {import('./store.js').Row} Row */

/**
 * @typedef {object} Turn
 * @property {number} key The number of its first row.
 * @property {Row[]} rows In the order in which they began.
 * @property {'turn' | 'idle' | 'other'} kind `idle` has only reads that brought nothing.
 * @property {number} callbacks How many different callbacks it has.
 * @property {number} emptyReads Reads without a message since the last page that had one.
 * @property {boolean} hasMore The last page said that more messages wait.
 * @property {any[]} messages What the bot read.
 * @property {number} at When its last row came.
 */

/** What a call about no customer still belongs to, in seconds. */
const NEAR_S = 5;
/** What a call about a customer still belongs to. A bot may think for a while. */
const THINKING_S = 300;

const isRead = (row) => row.operation === 'sync_msg';
const messagesOf = (row) => row.reply?.msg_list ?? [];

/** What tells the attempts of one callback from those of others. Its token is masked, so two of the same second look alike. */
const sentBy = (row) => `${row.operation} ${row.path} ${row.request}`;

/** Whom a message or an event is about. */
export const customerOf = (message) => message.external_userid ?? message.event?.external_userid ?? null;

/** @param {Row[]} rows @returns {Turn[]} */
export function turnsOf(rows) {
  const turns = new Turns();
  for (const row of [...rows].sort((one, other) => one.begun - other.begun)) turns.add(row);
  return turns.all;
}

class Turns {
  /** @type {Turn[]} */
  all = [];
  /** The last turn of each account. */
  ofAccount = new Map();
  /** The last turn in which each customer said something. */
  ofCustomer = new Map();
  /** The last turn of a callback, by what was sent. */
  ofCallback = new Map();

  /** @param {Row} row */
  add(row) {
    const turn = this.turnOf(row);
    turn.rows.push(row);
    turn.at = row.at;
    if (row.open_kfid !== null) this.ofAccount.set(row.open_kfid, turn);
    if (!isRead(row)) return;
    const messages = messagesOf(row);
    turn.hasMore = row.reply?.has_more === 1;
    turn.emptyReads = messages.length > 0 ? 0 : turn.emptyReads + 1;
    turn.messages.push(...messages);
    for (const message of messages) this.ofCustomer.set(customerOf(message), turn);
  }

  turnOf(row) {
    if (row.kind === 'callback') return this.turnOfCallback(row);
    if (isRead(row)) return this.turnOfRead(row);
    const own = this.ofCustomer.get(row.customer);
    if (own && row.at - own.at <= THINKING_S) return own;
    const last = this.ofAccount.get(row.open_kfid) ?? this.all.at(-1);
    return last && last.kind !== 'idle' && row.at - last.at <= NEAR_S ? last : this.begin(row, 'other');
  }

  turnOfCallback(row) {
    if (row.operation !== 'kf_msg_or_event') return this.begin(row, 'turn');
    const sent = sentBy(row);
    const before = this.ofCallback.get(sent);
    const last = this.ofAccount.get(row.open_kfid);
    if (before && (row.attempt > 1 || row.fault === 'duplicated')) return before;
    const isUnread = last?.kind === 'turn' && last.messages.length === 0 && last.emptyReads === 0;
    // The bot may read a message before the callback that tells of it is sent.
    const isLate = last?.kind === 'turn' && last.callbacks === 0 && row.at - last.at <= NEAR_S;
    const turn = isUnread || isLate ? last : this.begin(row, 'turn');
    turn.callbacks += 1;
    this.ofCallback.set(sent, turn);
    return turn;
  }

  turnOfRead(row) {
    const last = this.ofAccount.get(row.open_kfid);
    const isUnread = last && last.messages.length === 0 && last.callbacks > 0;
    if (messagesOf(row).length > 0) return isUnread || last?.hasMore ? last : this.begin(row, 'turn');
    // Reading on until nothing is left is part of the turn, once.
    if (last && (last.kind === 'idle' || isUnread || last.hasMore || (last.callbacks > 0 && last.emptyReads === 0)))
      return last;
    return this.begin(row, 'idle');
  }

  /** @param {Row} row @param {Turn['kind']} kind @returns {Turn} */
  begin(row, kind) {
    const turn = { key: row.n, rows: [], kind, callbacks: 0, emptyReads: 0, hasMore: false, messages: [], at: row.at };
    this.all.push(turn);
    return turn;
  }
}

/**
 * @typedef {object} Item
 * @property {number} key The number of its first row.
 * @property {'row' | 'fold' | 'delivery'} kind A row, the same again and again, or the attempts of a callback.
 * @property {Row[]} rows
 */

/** What a turn shows: attempts of a callback are one item, and so are repeats. @param {Row[]} rows @returns {Item[]} */
export function itemsOf(rows) {
  /** @type {Item[]} */
  const items = [];
  for (const row of rows) {
    const last = items.at(-1);
    const attempts =
      row.kind === 'callback' && row.attempt > 1
        ? items.findLast((item) => isNextAttempt(item.rows[item.rows.length - 1], row))
        : null;
    if (attempts) {
      attempts.rows.push(row);
      attempts.kind = 'delivery';
    } else if (last && last.kind !== 'delivery' && isRepeat(last.rows.at(-1), row)) {
      last.rows.push(row);
      last.kind = 'fold';
    } else {
      items.push({ key: row.n, kind: 'row', rows: [row] });
    }
  }
  return items;
}

const isNextAttempt = (before, row) =>
  before.kind === 'callback' && before.attempt === row.attempt - 1 && sentBy(before) === sentBy(row);

/** Whether `row` says no more than the one before it. */
function isRepeat(before, row) {
  return (
    before.kind === row.kind &&
    before.operation === row.operation &&
    before.status === row.status &&
    before.errcode === row.errcode &&
    before.customer === row.customer &&
    before.fault === row.fault &&
    before.findings.join() === row.findings.join() &&
    before.verdict.ok === row.verdict.ok &&
    (row.kind === 'callback' ? isWell(before) && isWell(row) : !saysSomething(before, row))
  );
}

const isWell = (row) => row.problem === null && row.attempt === 1 && row.operation !== 'verify_url';

/** Sends and pages with messages are each worth a row; the same send again is not. */
function saysSomething(before, row) {
  if (row.operation === 'sync_msg') return messagesOf(before).length > 0 || messagesOf(row).length > 0;
  return row.operation.startsWith('send_msg') && JSON.stringify(before.request) !== JSON.stringify(row.request);
}
