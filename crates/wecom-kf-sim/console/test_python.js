// A chat as a test for pytest.

import { fourDigits, isFile, quoted } from './test_steps.js';

/** @param {import('./test_steps.js').Plan} plan */
export function pythonTest(plan) {
  const body = plan.steps.map((step) => `${step.begins ? '\n' : ''}    ${lineOf(step)}\n`).join('');
  const options = [
    plan.seed === null ? '' : `seed=${plan.seed}`,
    plan.servicers.length > 0 ? `servicers=${literal(plan.servicers)}` : '',
  ].filter(Boolean);
  const marker = options.length > 0 ? `@pytest.mark.kf_sim(${options.join(', ')})\n` : '';
  return `import sys
${marker ? '\nimport pytest\n' : ''}

${marker}def test_the_bot_answers_as_it_did(kf_sim):
${lines(settings(plan))}    kf_sim.start_bot([sys.executable, "bot.py"], callback="/callback")  # your bot, in any language
    customer = kf_sim.customer(${python(plan.name)})
${lines(profile(plan.profile))}${body}    # The test fails if the simulator found mistakes of the bot.
`;
}

const lines = (list) => list.map((line) => `    ${line}\n`).join('');
const python = (text) => quoted(text, fourDigits);

function settings({ departments, upgrade, hasChannels }) {
  const changes = keywords({
    ...(upgrade ? { upgrade } : {}),
    ...(hasChannels ? { wechat_channels_bound: true } : {}),
  });
  return [
    ...departments.map(
      ({ department_id, userids }) =>
        `kf_sim.control.department_add(department_id=${department_id}, userids=${literal(userids)})`,
    ),
    ...(changes ? [`kf_sim.control.corp_change(${changes})`] : []),
  ];
}

const profile = (members) => (Object.keys(members).length > 0 ? [`customer.set_profile(${keywords(members)})`] : []);

/** @param {import('./test_steps.js').Step} step */
function lineOf(step) {
  const { does, text, id, by, to, msgtype } = step;
  const servicer = `kf_sim.servicer(${python(by)})`;
  const named = step.name !== undefined && does !== 'recalls' ? `said_${step.name} = ` : '';
  switch (does) {
    case 'advance':
      return `kf_sim.advance(${step.seconds})`;
    case 'says':
      return by ? `${named}${servicer}.says(customer, ${python(text)})` : `${named}customer.says(${python(text)})`;
    case 'sends': {
      const message = isFile(msgtype) ? { msgtype } : { msgtype, [msgtype]: step.body };
      const sent = literal(message);
      return by ? `${named}${servicer}.says(customer, ${sent})` : `${named}customer.says(${sent})`;
    }
    case 'chooses':
      return `${named}customer.taps(${python(id)})`;
    case 'taps':
      return `${named}customer.taps(${python(id)}, content=${python(text)})`;
    case 'hears':
      return `customer.hears(${python(text)})`;
    case 'hears_menu':
      return `assert customer.hears().labels == ${literal(step.labels)}`;
    case 'hears_kind':
      return `assert customer.hears().msgtype == ${python(msgtype)}`;
    case 'state_is':
      return `assert customer.state == ${step.state}`;
    case 'is_offered':
      return `customer.is_offered(${python(id)})`;
    case 'has_no_offer':
      return 'assert customer.offer is None';
    case 'accepts':
      return 'customer.accepts_offer()';
    case 'rates':
      return `customer.rates(${python(step.rating)})`;
    case 'recalls':
      return by ? `${servicer}.recalls(customer, said_${step.name})` : `customer.recalls(said_${step.name})`;
    case 'enters':
      return `customer.enters(${keywords(step.link)})`;
    case 'transfers':
      return `${servicer}.transfers(customer, ${python(to)})`;
    default:
      return `${servicer}.${does}(customer)`;
  }
}

const keywords = (members) =>
  Object.entries(members)
    .map(([name, value]) => `${name}=${literal(value)}`)
    .join(', ');

/** A value in Python. A file of the chat is one that the test's simulator makes. */
function literal(value) {
  if (typeof value === 'string') return python(value);
  if (value === null) return 'None';
  if (typeof value === 'boolean') return value ? 'True' : 'False';
  if (Array.isArray(value)) return `[${value.map(literal).join(', ')}]`;
  if (typeof value !== 'object') return String(value);
  const members = Object.entries(value).map(
    ([name, member]) => `${python(name)}: ${/media_id$/.test(name) ? NEW_FILE : literal(member)}`,
  );
  return `{${members.join(', ')}}`;
}

const NEW_FILE = 'kf_sim.control.media_add(b"file", type="file")["media_id"]';
