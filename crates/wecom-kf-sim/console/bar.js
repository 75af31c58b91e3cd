// What is always in sight: whether the simulator is live, how to connect a bot, its clock, the token, and how many faults
// and findings there are.

import { look } from './address.js';
import { act, post } from './api.js';
import { connect } from './connect.js';
import { ask } from './dialog.js';
import { button, byId, fill, h } from './dom.js';
import { icon } from './icons.js';
import { help } from './keys.js';
import { everything, now, on, store, unread } from './store.js';
import { dayTime, left } from './time.js';
import { store as keep, language, speak, stored, t } from './words.js';

const STEPS = ['20s', '10m', '2h', '49h'];

export function bar() {
  on('connection view', renderLive);
  on('connection clock token faults findings', renderTools);
  on('people connection', renderIcon);
  setInterval(tick, 1_000);
}

const activeFaults = () => store.faults.filter(({ active }) => active).length;

function renderLive() {
  const { connection } = store;
  document.body.dataset.connection = connection;
  fill(byId('live'), h('span', { class: 'dot', 'aria-hidden': 'true' }), t(`live.${connection}`));
  const stopped = byId('stopped');
  stopped.hidden = connection !== 'stopped';
  stopped.textContent = stopped.hidden ? '' : t('live.trying');
}

function renderTools() {
  const { info, clock, token } = store;
  if (!info || !clock) return;
  fill(
    byId('connect'),
    button(
      [
        icon('plug'),
        h('span', {}, t('connect')),
        h('code', { class: 'base dim' }, info.base_url.replace(/^https?:\/\//, '')),
      ],
      connect,
      { title: t('connect.title'), data: { focus: 'connect' } },
    ),
  );
  fill(
    byId('tools'),
    group(
      'time',
      clockFace(),
      h(
        'span',
        { class: 'segments steps', role: 'group', 'aria-label': t('clock.steps') },
        STEPS.map((step) =>
          button(`+${step}`, () => advance(step), {
            label: t('clock.step', { step }),
            data: { focus: `step-${step}` },
          }),
        ),
      ),
    ),
    group(
      'start',
      button([icon('reset'), t('reset')], reset, { class: 'quiet', title: t('reset.intro'), data: { focus: 'reset' } }),
    ),
    group(
      'counts',
      tokenButton(token),
      count('faults', 'bolt', activeFaults()),
      count('findings', 'flag', store.findings.size),
    ),
    group(
      'looks',
      button(
        [icon('language'), h('span', { lang: language === 'en' ? 'zh-CN' : 'en' }, t('language'))],
        otherLanguage,
        { class: 'quiet language', data: { focus: 'language' } },
      ),
      button(icon(themeIcon()), nextTheme, { class: 'quiet', label: t(`theme.${theme()}`), data: { focus: 'theme' } }),
      button(icon('help'), help, { class: 'quiet', label: t('help'), data: { focus: 'help' } }),
    ),
  );
}

const group = (name, ...children) => h('div', { class: `group ${name}` }, ...children);

function clockFace() {
  const { clock } = store;
  const label = t(clock.manual ? 'clock.run' : 'clock.stop');
  return button(
    [
      icon(clock.manual ? 'play' : 'pause'),
      h('time', { id: 'time' }, dayTime(now())),
      clock.manual ? h('span', { class: 'tag' }, t('clock.manual')) : null,
      h('span', { class: 'sr' }, label),
    ],
    () => act(post('clock', { manual: !clock.manual })),
    { class: 'quiet clock', id: 'clock', title: label, data: { focus: 'clock' } },
  );
}

function tokenButton(token) {
  return button(
    [
      icon('key'),
      token.status === 'valid' ? h('span', { class: 'wide' }, `${t('token.short')} `) : null,
      h('span', { id: 'token' }, tokenText(token)),
    ],
    () => look({ tab: 'faults', pane: 'controls' }),
    { class: `quiet token ${token.status}`, title: t('token.title'), data: { focus: 'token' } },
  );
}

const tokenText = (token) =>
  token.status === 'valid' ? left(token.expires_at - now(), true) : t(`token.${token.status}`);

function count(tab, symbol, number) {
  return button(
    [icon(symbol), h('span', { class: 'wide' }, `${t(`count.${tab}`)} `), String(number)],
    () => look({ tab, pane: tab === 'findings' ? 'journal' : 'controls' }),
    { class: `quiet count ${number > 0 ? 'some' : ''} ${tab}`, data: { focus: `count-${tab}` } },
  );
}

/** Only the two texts that change with each second: nothing else moves, and the focus stays. */
function tick() {
  if (!store.clock || document.hidden) return;
  const [time, token] = [byId('time'), byId('token')];
  if (time && !store.clock.manual) time.textContent = dayTime(now());
  if (token) token.textContent = tokenText(store.token);
}

/** The step that ends every session asks for consent, the first time. */
async function advance(step) {
  const asked = `advance-${store.instance}`;
  if (step === STEPS.at(-1) && !agreed.has(asked)) {
    const sure = await ask(t('clock.step', { step }), [], { send: t('clock.far.do', { step }), intro: t('clock.far') });
    if (!sure) return;
    agreed.add(asked);
  }
  act(post('clock', { advance: step }));
}

const agreed = new Set();

async function reset() {
  const sure = await ask(t('reset'), [], { send: t('reset.do'), intro: t('reset.intro') });
  if (sure) act(post('reset'));
}

const theme = () => stored('theme') ?? 'auto';
const themeIcon = () => ({ auto: 'auto', light: 'sun', dark: 'moon' })[theme()] ?? 'auto';

function nextTheme() {
  const next = { auto: 'light', light: 'dark', dark: 'auto' }[theme()] ?? 'auto';
  keep('theme', next === 'auto' ? null : next);
  if (next === 'auto') delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = next;
  renderTools();
}

async function otherLanguage() {
  const other = language === 'en' ? 'zh-CN' : 'en';
  keep('lang', other);
  const address = new URLSearchParams(location.search);
  if (address.has('lang')) {
    address.set('lang', other);
    history.replaceState(null, '', `?${address}`);
  }
  await speak(other);
  everything();
}

let painted = null;

/** The tab's icon and title have the number of unread messages. */
function renderIcon() {
  const count = unread();
  if (count === painted) return;
  painted = count;
  document.title = `${count > 0 ? `(${count}) ` : ''}wecom-kf-sim`;
  const link = /** @type {HTMLLinkElement} */ (byId('icon'));
  if (count === 0) {
    link.type = 'image/svg+xml';
    link.href = '/console/icon.svg';
    return;
  }
  const image = new Image(64, 64);
  image.onload = () => {
    const canvas = h('canvas', { width: 64, height: 64 });
    const context = canvas.getContext('2d');
    context.drawImage(image, 0, 0, 64, 64);
    context.fillStyle = '#d92d20';
    context.beginPath();
    context.arc(44, 44, 20, 0, 2 * Math.PI);
    context.fill();
    context.fillStyle = '#fff';
    context.font = 'bold 28px system-ui, sans-serif';
    context.textAlign = 'center';
    context.textBaseline = 'middle';
    context.fillText(count > 9 ? '9+' : String(count), 44, 46);
    link.type = 'image/png';
    link.href = canvas.toDataURL('image/png');
  };
  image.src = '/console/icon.svg';
}
