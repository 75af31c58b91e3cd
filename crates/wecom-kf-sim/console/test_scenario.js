// A chat as a scenario, which `wecom-kf-sim play` plays against any bot.

import { fourDigits, isFile, quoted } from './test_steps.js';

const STATES = ['untreated', 'assistant', 'queue', 'servicer', 'ended'];
/** Words that YAML takes for something else than a text. */
const WORDS = /^(true|false|yes|no|on|off|null|y|n)$/i;

/** @param {import('./test_steps.js').Plan} plan */
export function scenario({ name, servicers, departments, upgrade, hasChannels, profile, steps }) {
  const corp = { ...(upgrade ? { upgrade } : {}), ...(hasChannels ? { wechat_channels_bound: true } : {}) };
  const head = [
    `name: ${yaml('the bot answers as it did')}`,
    servicers.length > 0 && `servicers: ${literal(servicers)}`,
    departments.length > 0 && `departments: ${literal(departments)}`,
    !isEmpty(corp) && `corp: ${literal(corp)}`,
    !isEmpty(profile) && `customers:\n  ${yaml(name)}: ${literal(profile)}`,
  ];
  const lines = steps.flatMap((step) => stepOf(step, name));
  return `# Play it with: wecom-kf-sim play FILE -- COMMAND, where COMMAND starts your bot.\n${head.filter(Boolean).join('\n')}\nsteps:\n${lines.join('')}`;
}

/** @param {import('./test_steps.js').Step} step */
function stepOf(step, name) {
  const { does, text, id, by, to, msgtype } = step;
  const customer = yaml(name);
  /** What people do has the person first. */
  const act = (verb, ...more) => {
    const who = by ? `servicer: ${yaml(by)}` : `customer: ${customer}`;
    return [`  - ${who}\n`, ...[verb, ...more].map((line) => `    ${line}\n`)];
  };
  const bot = (verb) => [`  - ${verb}\n`];
  switch (does) {
    case 'advance':
      return bot(`advance: ${step.seconds}s`);
    case 'says':
      return act(`says: ${yaml(text)}`, ...(by ? [`to: ${customer}`] : []));
    case 'sends': {
      const message = isFile(msgtype) ? msgtype : literal({ [msgtype]: step.body });
      return act(`sends: ${message}`, ...(by ? [`to: ${customer}`] : []));
    }
    case 'chooses':
      return act(`taps: ${yaml(text)}`);
    case 'taps':
      return act(`taps: { id: ${yaml(id)}, content: ${yaml(text)} }`);
    case 'hears':
      return bot(`bot_answers: ${yaml(text)}`);
    case 'hears_menu':
      return bot(`bot_answers: { menu: ${literal(step.labels)} }`);
    case 'hears_kind':
      return bot(`bot_answers: { kind: ${yaml(msgtype)} }`);
    case 'state_is':
      return bot(`session_is: ${STATES[step.state]}`);
    case 'is_offered':
      return bot(`bot_offers: ${yaml(id)}`);
    case 'has_no_offer':
      return bot('bot_offers:');
    case 'accepts':
      return act('accepts_offer:');
    case 'rates':
      return act(`rates: ${step.rating}`);
    case 'recalls':
      return act(text === undefined ? 'recalls:' : `recalls: ${yaml(text)}`, ...(by ? [`to: ${customer}`] : []));
    case 'enters':
      return act(isEmpty(step.link) ? 'enters:' : `enters: ${literal(step.link)}`);
    case 'transfers':
      return act(`transfers: ${customer}`, `to: ${yaml(to)}`);
    default:
      return act(`${does}: ${customer}`);
  }
}

const isEmpty = (members) => Object.keys(members).length === 0;

/** A text, between quotes where YAML needs them. */
function yaml(text) {
  const isPlain = /^[\p{L}_][\p{L}\p{N}_ ，。？！-]*$/u.test(text) && !text.endsWith(' ') && !WORDS.test(text);
  return isPlain ? text : quoted(text, fourDigits);
}

function literal(value) {
  if (typeof value === 'string') return yaml(value);
  if (Array.isArray(value)) return `[${value.map(literal).join(', ')}]`;
  if (value === null || typeof value !== 'object') return String(value);
  const members = Object.entries(value).map(([name, member]) => `${yaml(name)}: ${literal(member)}`);
  return members.length > 0 ? `{ ${members.join(', ')} }` : '{}';
}
