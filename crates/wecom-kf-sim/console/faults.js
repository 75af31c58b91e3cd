// What is broken on purpose: switches for what breaks often, a form for everything else; and the token.

import { act, del, post, tried } from './api.js';
import { ask } from './dialog.js';
import { button, byId, fill, h, toggle } from './dom.js';
import { icon } from './icons.js';
import { now, on, store, view } from './store.js';
import { left } from './time.js';
import { t } from './words.js';

/** A switch each, on while the fault that it added is still to hit. */
const PRESETS = [
  { name: 'busy', fault: { operation: 'send_msg', effect: 'errcode', errcode: -1, times: 2 } },
  { name: 'slow', fault: { operation: 'send_msg', effect: 'delay', delay: '3s', times: 1 } },
  { name: 'half_a_body', fault: { operation: 'sync_msg', effect: 'half_a_body', times: 1 } },
  { name: 'reset_after', fault: { operation: 'send_msg', effect: 'reset_after', times: 1 } },
  { name: 'html', fault: { operation: '*', effect: 'html', times: 1 } },
  { name: 'unavailable', fault: { operation: '*', effect: 'status', status: 503, times: 3 } },
  { name: 'token_revoked', fault: { operation: '*', effect: 'token_revoked', times: 1 } },
  { name: 'rate_limited', fault: { operation: 'sync_msg', effect: 'rate_limited', window: '60s', times: 1 } },
  { name: 'cursors_lost', fault: { operation: 'sync_msg', effect: 'cursors_lost', times: 1 } },
  { name: 'msg_send_fail', fault: { operation: 'send_msg', effect: 'msg_send_fail', fail_type: 10, times: 1 } },
  { name: 'callback_lost', fault: { operation: 'callback', effect: 'lost', times: 1 } },
  { name: 'callback_twice', fault: { operation: 'callback', effect: 'duplicated', times: 1 } },
  { name: 'callback_late', fault: { operation: 'callback', effect: 'late', delay: '5s', times: 1 } },
];

/** What an effect needs to be told: the member and a sample. */
const VALUES = {
  errcode: ['errcode', '-1'],
  status: ['status', '503'],
  body: ['body', '{"errcode":0'],
  delay: ['delay', '2s'],
  late: ['delay', '2s'],
  content_type: ['content_type', 'text/plain'],
  msg_send_fail: ['fail_type', '10'],
  rate_limited: ['window', '60s'],
};
const ON_CALLS = [
  'errcode',
  'status',
  'html',
  'body',
  'delay',
  'never_answers',
  'reset_before',
  'reset_after',
  'half_a_body',
  'content_type',
  'msg_send_fail',
  'token_revoked',
  'cursors_lost',
  'rate_limited',
  'pass',
];
const ON_CALLBACKS = ['lost', 'late', 'duplicated', 'reordered', 'pass'];

export function faults() {
  on('faults token connection view', render);
  setInterval(() => {
    const place = byId('token-left');
    if (place && store.token?.status === 'valid') place.textContent = tokenLeft();
  }, 1_000);
}

/** What the fault of a preset is labelled with, by which the preset knows it. */
const labelOf = ({ name }) => `preset ${name}`;

/** The faults that a preset added. */
const addedBy = (preset) => store.faults.filter(({ label }) => label === labelOf(preset));

function render() {
  if (!store.token || view.tab !== 'faults') return;
  fill(byId('panel-faults'), presets(), list(), tokenBox());
}

function presets() {
  return h(
    'section',
    { class: 'box' },
    h('header', {}, icon('bolt'), h('h2', {}, t('faults.presets'))),
    h(
      'ul',
      { class: 'switches' },
      PRESETS.map((preset) => {
        const added = addedBy(preset);
        const active = added.filter(({ active }) => active);
        const hits = added.reduce((sum, { hits }) => sum + hits, 0);
        const flip = (on) => {
          if (on) act(post('faults', { ...preset.fault, label: labelOf(preset) }));
          else for (const { id } of active) act(del(`faults/${id}`));
        };
        return h(
          'li',
          {},
          toggle(t(`preset.${preset.name}`), active.length > 0, flip, {
            data: { focus: `preset-${preset.name}`, preset: preset.name },
          }),
          h(
            'span',
            { class: 'dim' },
            h('code', {}, preset.fault.operation),
            hits > 0 ? ` ${t('faults.hits', { hits })}` : '',
          ),
        );
      }),
    ),
  );
}

function list() {
  const all = store.faults;
  return h(
    'section',
    { class: 'box' },
    h(
      'header',
      {},
      icon('list'),
      h('h2', {}, t('faults.list')),
      button([icon('plus'), t('faults.add')], add, { class: 'small', data: { focus: 'fault-add' } }),
      all.length > 0
        ? button([icon('trash'), t('faults.clear')], () => act(del('faults')), {
            class: 'small',
            data: { focus: 'fault-clear' },
          })
        : null,
    ),
    all.length === 0
      ? h('p', { class: 'hint' }, icon('check', 'big ok'), t('faults.none'))
      : h(
          'ul',
          { class: 'faults' },
          all.map((fault) =>
            h(
              'li',
              { class: fault.active ? 'active' : 'dim' },
              h('code', {}, fault.operation),
              h('span', { class: 'strong' }, fault.shown),
              fault.probability < 1 ? h('span', {}, `${Math.round(fault.probability * 100)} %`) : null,
              h(
                'span',
                { class: 'grow' },
                fault.times === null
                  ? t('faults.always', { hits: fault.hits })
                  : t('faults.of', { hits: fault.hits, times: fault.times }),
              ),
              fault.active ? null : h('span', { class: 'tag' }, t('faults.used')),
              button(icon('close'), () => act(del(`faults/${fault.id}`)), {
                class: 'quiet small',
                label: t('faults.remove'),
                data: { focus: `fault-${fault.id}` },
              }),
            ),
          ),
        ),
  );
}

const tokenLeft = () => t('token.left', { left: left(store.token.expires_at - now(), true) });

function tokenBox() {
  const { token } = store;
  const isValid = token.status === 'valid';
  return h(
    'section',
    { class: 'box' },
    h('header', {}, icon('key'), h('h2', {}, t('token'))),
    h(
      'dl',
      { class: 'facts' },
      h('dt', {}, t('token.state')),
      h(
        'dd',
        { id: 'token-left', class: ['expired', 'revoked'].includes(token.status) ? 'bad' : '' },
        isValid ? tokenLeft() : t(`token.${token.status}`),
      ),
      h('dt', {}, t('token.shown')),
      h('dd', {}, h('code', {}, token.shown ?? '–')),
      h('dt', {}, 'gettoken'),
      h('dd', {}, t('times', { count: token.gettoken_calls })),
    ),
    h(
      'div',
      { class: 'actions' },
      button(t('token.expire'), () => act(post('tokens/expire')), {
        disabled: !isValid,
        data: { focus: 'token-expire' },
      }),
      button(t('token.revoke'), () => act(post('tokens/revoke')), {
        disabled: !isValid,
        data: { focus: 'token-revoke' },
      }),
    ),
  );
}

/** One form: what is asked for depends on what was chosen before. */
async function add() {
  const operations = ['*', ...store.info.operations.map(({ id }) => id), 'callback'];
  const choices = (effects) => effects.map((effect) => [effect, `${t(`effect.${effect}`)} (${effect})`]);
  const isCallback = ({ operation }) => operation === 'callback';
  const effectOf = (values) => (isCallback(values) ? values.on_callback : values.on_call);
  await ask(
    t('faults.add'),
    [
      {
        name: 'operation',
        label: t('faults.operation'),
        type: 'select',
        value: 'send_msg',
        options: operations.map((id) => [
          id,
          id === '*' ? t('faults.all') : id === 'callback' ? t('faults.callback') : id,
        ]),
      },
      {
        name: 'on_call',
        label: t('faults.effect'),
        type: 'select',
        value: 'errcode',
        options: choices(ON_CALLS),
        when: (values) => !isCallback(values),
      },
      {
        name: 'on_callback',
        label: t('faults.effect'),
        type: 'select',
        value: 'lost',
        options: choices(ON_CALLBACKS),
        when: isCallback,
      },
      ...Object.entries(VALUES).map(([effect, [member, sample]]) => ({
        name: `value_${effect}`,
        label: t(`faults.value.${member}`),
        value: sample,
        when: (values) => effectOf(values) === effect,
      })),
      { name: 'times', label: t('faults.times'), type: 'number', value: '1', hint: t('faults.times.hint') },
      { name: 'probability', label: t('faults.probability'), type: 'number', value: '100' },
    ],
    {
      send: t('add'),
      intro: t('faults.add.intro'),
      validate: ({ probability }) => (probability >= 0 && probability <= 100 ? null : t('faults.probability')),
      perform: (values) => tried(post('faults', faultOf(values.operation, effectOf(values), values))),
    },
  );
}

function faultOf(operation, effect, values) {
  /** @type {any} */
  const fault = {
    operation,
    effect,
    ...(values.times.trim() === '' ? { always: true } : { times: Number(values.times) }),
  };
  const [member] = VALUES[effect] ?? [];
  const value = values[`value_${effect}`];
  if (member) fault[member] = ['errcode', 'status', 'fail_type'].includes(member) ? Number(value) : value;
  if (Number(values.probability) < 100) fault.probability = Number(values.probability) / 100;
  return fault;
}
