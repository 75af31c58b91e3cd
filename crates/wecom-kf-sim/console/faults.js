// Faults: switches for those that are often needed, a form for all others; and the token.

import { act, del, post, tried } from './api.js';
import { ask } from './dialog.js';
import { button, byId, fill, h, toggle } from './dom.js';
import { icon } from './icons.js';
import { EFFECTS, SWITCHES } from './lists.js';
import { now, on, store, view } from './store.js';
import { left } from './time.js';
import { either, t } from './words.js';

export function faults() {
  on('faults token connection view', render);
  setInterval(() => {
    const place = byId('token-left');
    if (place && store.token?.status === 'valid') place.textContent = tokenLeft();
  }, 1_000);
}

/** The label of a fault that a switch added, by which the switch finds it again. */
const labelOf = ({ id }) => `preset ${id}`;

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
      SWITCHES.map((preset) => {
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
          toggle(either(preset.title), active.length > 0, flip, {
            data: { focus: `preset-${preset.id}`, preset: preset.id },
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
  const choices = (effects) => effects.map(({ id, title }) => [id, `${either(title)} (${id})`]);
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
        options: choices(EFFECTS.filter(({ onCalls }) => onCalls)),
        when: (values) => !isCallback(values),
      },
      {
        name: 'on_callback',
        label: t('faults.effect'),
        type: 'select',
        value: 'lost',
        options: choices(EFFECTS.filter(({ onCallbacks }) => onCallbacks)),
        when: isCallback,
      },
      ...EFFECTS.filter(({ value }) => value).map(({ id, value }) => ({
        name: `value_${id}`,
        label: either(value.label),
        value: value.sample,
        when: (values) => effectOf(values) === id,
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
  const { value } = EFFECTS.find(({ id }) => id === effect);
  const given = values[`value_${effect}`];
  if (value) fault[value.member] = value.isNumber ? Number(given) : given;
  if (Number(values.probability) < 100) fault.probability = Number(values.probability) / 100;
  return fault;
}
