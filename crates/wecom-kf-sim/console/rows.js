// A row of the journal: its line, and what is in it when it is open.

import { look } from './address.js';
import { act, at, post } from './api.js';
import { button, copy, h } from './dom.js';
import { icon } from './icons.js';
import { json } from './json.js';
import { nameOf, store, view } from './store.js';
import { fullTime } from './time.js';
import { either, t } from './words.js';

/** @typedef {import('./store.js').Row} Row */
/** @typedef {import('./turns.js').Item} Item */

/** Refused, failed, or not as documented. */
const isBad = (row) =>
  (row.errcode !== null && row.errcode !== 0) || row.status === 0 || row.status >= 400 || row.problem !== null;

/** What came of it, in a word. */
export function outcomeOf(row) {
  if (row.status === 0) return t(row.fault === 'lost' ? 'outcome.lost' : 'outcome.none');
  if (row.errcode !== null && row.errcode !== 0) return String(row.errcode);
  if (row.status >= 400 || (row.kind === 'callback' && row.status !== 200)) return `HTTP ${row.status}`;
  return row.problem !== null ? t('outcome.bad') : t('outcome.ok');
}

const findingsIn = (rows) => [...new Set(rows.flatMap(({ findings }) => findings))];

/**
 * The node of an item. `flip` opens or closes it, `isOpen` tells whether an item or a row is open.
 * @param {Item} item
 * @param {{ isOpen: (key: string) => boolean, flip: (item: Item) => void }} options
 */
export function itemNode(item, options) {
  const { rows } = item;
  const last = rows[rows.length - 1];
  const bad = isBad(last);
  const findings = findingsIn(rows);
  const isOpen = options.isOpen(keyOf(item));
  const classes = [
    'row',
    last.kind,
    item.kind,
    bad ? 'failed' : '',
    findings.length > 0 || !last.verdict.ok ? 'found' : '',
  ];
  return h(
    'li',
    { class: classes.filter(Boolean).join(' '), data: { n: item.key } },
    button(
      [
        icon(last.kind === 'call' ? 'right' : 'left', 'arrow'),
        h('span', { class: 'sr' }, t(`kind_of_row.${last.kind}`)),
        h('span', { class: 'op' }, last.operation),
        rows.length > 1
          ? h(
              'span',
              { class: 'tag times' },
              item.kind === 'delivery' ? t('journal.attempts', { count: rows.length }) : `×${rows.length}`,
            )
          : null,
        h('span', { class: 'about dim' }, about(item)),
        h('span', { class: 'outcome' }, outcomeOf(last)),
        h('span', { class: 'took dim' }, `${rows.reduce((sum, { took_ms }) => sum + took_ms, 0)} ms`),
        last.problem ? h('span', { class: 'why bad' }, either(last.problem)) : null,
        marks(last, findings),
      ],
      () => options.flip(item),
      { class: 'row-head', 'aria-expanded': String(isOpen), data: { focus: keyOf(item) } },
    ),
    isOpen ? inside(item, options) : null,
  );
}

/** What an item is called among those that are open. @param {Item} item */
export const keyOf = ({ kind, key }) => `${kind === 'fold' ? 'fold' : 'row'}-${key}`;

function marks(row, findings) {
  const all = [
    row.fault ? h('span', { class: 'mark fault' }, icon('bolt'), row.fault) : null,
    ...findings.map((name) => h('span', { class: 'mark finding' }, icon('flag'), name)),
  ].filter(Boolean);
  return all.length > 0 ? h('span', { class: 'marks' }, all) : null;
}

function inside(item, options) {
  if (item.kind !== 'fold') return details(item.rows);
  const rows = item.rows.map((row) => itemNode({ key: row.n, kind: 'row', rows: [row] }, options));
  return h('ol', { class: 'folded' }, rows);
}

/** What it was about, in a few words. */
function about({ kind, rows }) {
  const row = rows[rows.length - 1];
  const request = row.request ?? {};
  const who = row.customer ? nameOf(row.customer) : '';
  const said =
    request.text?.content ?? request.msgmenu?.head_content ?? (request.msgtype ? `[${request.msgtype}]` : '');
  const parts = [who];
  if (row.operation === 'sync_msg' && row.reply?.errcode === 0) {
    const count = (row.reply.msg_list ?? []).length;
    parts.push(
      count === 0 ? t('journal.no_message') : t('journal.messages', { count }),
      row.reply.has_more ? t('journal.has_more') : '',
    );
  } else if (row.operation === 'service_state_trans' && request.service_state !== undefined) {
    parts.push(`→ ${request.service_state} ${t(`state.${request.service_state}`)}`, request.servicer_userid ?? '');
  } else if (row.operation === 'service_state_get' && row.reply?.service_state !== undefined) {
    parts.push(`${row.reply.service_state} ${t(`state.${row.reply.service_state}`)}`);
  } else if (row.kind === 'callback') {
    parts.push(
      row.attempt > 1 && kind === 'row' ? t('journal.attempt', { attempt: row.attempt }) : '',
      either(row.problem),
    );
  } else if (row.operation === 'unknown_path') {
    parts.push(`${row.method} ${row.path}`);
  } else {
    parts.push(said);
  }
  return parts.filter(Boolean).join(' · ').slice(0, 120);
}

/** @param {Row[]} rows The attempts of a callback, or one row. */
function details(rows) {
  const row = rows[rows.length - 1];
  return h(
    'div',
    { class: 'details' },
    row.hint ? h('p', { class: 'remedy' }, icon('check'), t('do', { what: either(row.hint) })) : null,
    rows.length > 1
      ? h('ol', { class: 'attempts' }, rows.map(attempt))
      : row.problem
        ? h('p', { class: 'bad' }, icon('warn'), either(row.problem))
        : null,
    row.fault ? h('p', { class: 'on-purpose' }, icon('bolt'), t('journal.fault', { fault: row.fault })) : null,
    row.verdict.problems.map((problem) => h('p', { class: 'found-here' }, icon('warn'), t('verdict', { problem }))),
    findingsOf(rows).map(findingHere),
    h(
      'p',
      { class: 'dim' },
      h('code', {}, `${row.method} ${row.path}`),
      ` #${row.n} · HTTP ${row.status || '–'} · ${fullTime(row.at)}`,
    ),
    h('h3', {}, t('request')),
    json(row.request),
    h('h3', {}, t('reply')),
    json(row.reply),
    actions(row),
  );
}

function attempt(row) {
  return h(
    'li',
    { class: isBad(row) ? 'bad' : '' },
    h('span', { class: 'strong' }, t('journal.attempt', { attempt: row.attempt })),
    ` ${outcomeOf(row)} · ${row.took_ms} ms`,
    row.problem ? h('p', {}, either(row.problem)) : null,
  );
}

function findingHere(finding) {
  return h(
    'div',
    { class: 'found-here' },
    h('p', {}, h('strong', {}, finding.name), ` ${either(finding.title)}`),
    h('p', {}, t('do', { what: either(finding.remedy) })),
    button(t('finding.show'), () => look({ tab: 'findings' }), { class: 'small' }),
  );
}

function actions(row) {
  const isDelivery = row.kind === 'callback' && row.operation !== 'verify_url';
  const toChat = row.customer && row.customer !== view.customer && store.customers.has(row.customer);
  return h(
    'div',
    { class: 'actions' },
    button([icon('copy'), 'curl'], () => copy(curl(row), 'curl'), { class: 'small', data: { focus: `curl-${row.n}` } }),
    button(
      [icon('copy'), 'JSON'],
      () => copy(JSON.stringify({ request: row.request, reply: row.reply }, null, 2), 'JSON'),
      { class: 'small', data: { focus: `json-${row.n}` } },
    ),
    isDelivery
      ? button([icon('repeat'), t('callback.repeat')], () => act(post(`callbacks/${row.n}/repeat`)), {
          class: 'small',
          data: { focus: `repeat-${row.n}` },
        })
      : null,
    toChat
      ? button([icon('chat'), nameOf(row.customer)], () => look({ customer: row.customer, pane: 'chat' }), {
          class: 'small',
        })
      : null,
  );
}

const findingsOf = (rows) =>
  [...store.findings.values()].filter(({ entries }) => rows.some(({ n }) => entries.includes(n)));

const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;

/** The call as a command. Token and secret stay in the reader's environment. */
function curl(row) {
  const { info } = store;
  if (row.kind === 'callback')
    return `curl -X POST ${quoted(info.base_url + at(`callbacks/${row.n}/repeat`))} -H 'Content-Type: application/json' -d '{}'`;
  if (row.operation === 'gettoken')
    return `curl "$WECOM_KF_BASE_URL${row.path}?corpid=$WECOM_CORP_ID&corpsecret=$WECOM_KF_SECRET"`;
  const address = `"$WECOM_KF_BASE_URL${row.path}?access_token=$ACCESS_TOKEN"`;
  if (row.method === 'GET' || row.request === null) return `curl -X ${row.method} ${address}`;
  // A callback token is not in the journal, and sync_msg does without.
  const { token, ...request } = typeof row.request === 'object' ? row.request : {};
  const body = typeof row.request === 'string' ? row.request : JSON.stringify(request);
  return `curl ${address} -H 'Content-Type: application/json' -d ${quoted(body)}`;
}
