// A chat as a test for node:test.

import { fourDigits, isFile, quoted } from './test_steps.js';

/** @param {import('./test_steps.js').Plan} plan */
export function nodeTest(plan) {
  const body = plan.steps.map((step) => `${step.begins ? '\n' : ''}  ${lineOf(step)};\n`).join('');
  const options = [
    plan.seed === null ? '' : `seed: ${seedOf(plan.seed)}`,
    plan.servicers.length > 0 ? `servicers: ${literal(plan.servicers)}` : '',
  ].filter(Boolean);
  const given = options.length > 0 ? `, { ${options.join(', ')} }` : '';
  const uses = body.includes('assert.') ? 'import assert from "node:assert/strict";\n' : '';
  return `${uses}import { test } from "node:test";

import { simulator } from "wecom-kf-sim";

test("the bot answers as it did", async (t) => {
  const sim = await simulator(t${given});
${lines(settings(plan))}  await sim.startBot(["node", "bot.js"], { callback: "/callback" }); // your bot, in any language
  const customer = await sim.customer(${js(plan.name)});
${lines(profile(plan.profile))}${body}  // The test fails if the simulator found mistakes of the bot.
});
`;
}

const lines = (list) => list.map((line) => `  ${line};\n`).join('');
const js = (text) => quoted(text, fourDigits);
const seedOf = (seed) => (Number.isSafeInteger(Number(seed)) ? seed : `${seed}n`);

function settings({ departments, upgrade, hasChannels }) {
  const changes = {
    ...(upgrade ? { upgrade } : {}),
    ...(hasChannels ? { wechat_channels_bound: true } : {}),
  };
  return [
    ...departments.map((department) => `await sim.control.departmentAdd(${literal(department)})`),
    ...(isEmpty(changes) ? [] : [`await sim.control.corpChange(${literal(changes)})`]),
  ];
}

const profile = (members) => (isEmpty(members) ? [] : [`await customer.setProfile(${literal(members)})`]);

/** @param {import('./test_steps.js').Step} step */
function lineOf(step) {
  const { does, text, id, by, to, msgtype } = step;
  const servicer = `await (await sim.servicer(${js(by)}))`;
  const named = step.name !== undefined && does !== 'recalls' ? `const said${step.name} = ` : '';
  switch (does) {
    case 'advance':
      return `await sim.advance(${step.seconds})`;
    case 'says':
      return by ? `${named}${servicer}.says(customer, ${js(text)})` : `${named}await customer.says(${js(text)})`;
    case 'sends': {
      const message = literal(isFile(msgtype) ? { msgtype } : { msgtype, [msgtype]: step.body });
      return by ? `${named}${servicer}.says(customer, ${message})` : `${named}await customer.says(${message})`;
    }
    case 'chooses':
      return `${named}await customer.taps(${js(id)})`;
    case 'taps':
      return `${named}await customer.taps(${js(id)}, { content: ${js(text)} })`;
    case 'hears':
      return `await customer.hears(${js(text)})`;
    case 'hears_menu':
      return `assert.deepEqual((await customer.hears()).labels, ${literal(step.labels)})`;
    case 'hears_kind':
      return `assert.equal((await customer.hears()).msgtype, ${js(msgtype)})`;
    case 'state_is':
      return `assert.equal(await customer.state(), ${step.state})`;
    case 'is_offered':
      return `await customer.isOffered(${js(id)})`;
    case 'has_no_offer':
      return 'assert.equal(await customer.offer(), null)';
    case 'accepts':
      return 'await customer.acceptsOffer()';
    case 'rates':
      return `await customer.rates(${js(step.rating)})`;
    case 'recalls':
      return by ? `${servicer}.recalls(customer, said${step.name})` : `await customer.recalls(said${step.name})`;
    case 'enters':
      return `await customer.enters(${isEmpty(step.link) ? '' : literal(step.link)})`;
    case 'transfers':
      return `${servicer}.transfers(customer, ${js(to)})`;
    default:
      return `${servicer}.${does.replace(/_(.)/g, (_, letter) => letter.toUpperCase())}(customer)`;
  }
}

/** A value in JavaScript. A file of the chat is one that the test's simulator makes. */
function literal(value) {
  if (typeof value === 'string') return js(value);
  if (Array.isArray(value)) return `[${value.map(literal).join(', ')}]`;
  if (value === null || typeof value !== 'object') return String(value);
  const members = Object.entries(value).map(
    ([name, member]) => `${key(name)}: ${/media_id$/.test(name) ? NEW_FILE : literal(member)}`,
  );
  return members.length > 0 ? `{ ${members.join(', ')} }` : '{}';
}

const isEmpty = (members) => Object.keys(members).length === 0;
const key = (name) => (/^[A-Za-z_]\w*$/.test(name) ? name : js(name));
const NEW_FILE = '(await sim.control.mediaAdd({ type: "file", body: Buffer.from("file") })).media_id';
