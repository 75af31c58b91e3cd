// A chat as a Rust test against the simulator's library.

import { quoted } from './test_steps.js';

/** @param {import('./test_steps.js').Plan} plan */
export function rustTest(plan) {
  const body = plan.steps.map((step) => `${step.begins ? '\n' : ''}    ${lineOf(step)}\n`).join('');
  const uses = [
    body.includes('Duration::') ? 'use std::time::Duration;\n\n' : '',
    body.includes('json!(') ? 'use serde_json::json;\n' : '',
    `use wecom_kf_sim::${body.includes('Satisfaction::') ? '{Satisfaction, Simulator}' : 'Simulator'};\n`,
  ];
  const seed = plan.seed === null ? '' : `.seed(${plan.seed})`;
  const staff = plan.servicers.map((userid) => `.servicer(${rust(userid)})`).join('');
  return `${uses.join('')}
#[tokio::test]
async fn the_bot_answers_as_it_did() -> Result<(), Box<dyn std::error::Error>> {
    let sim = Simulator::builder()${seed}${staff}.start().await?;
${lines(settings(plan))}    let bot = tokio::spawn(my_bot::run(sim.vars())); // your bot, with these variables for its environment
    let customer = sim.customer(${rust(plan.name)});
${lines(profile(plan.profile))}${body}
    sim.report().assert_clean(); // no finding, or a table of them
    bot.abort();
    Ok(())
}
`;
}

const lines = (list) => list.map((line) => `    ${line}\n`).join('');
const slice = (list) => `&[${list.map((item) => (typeof item === 'number' ? item : rust(item))).join(', ')}]`;

function settings({ departments, upgrade, hasChannels }) {
  return [
    ...departments.map(({ department_id, userids }) => `sim.department(${department_id}, ${slice(userids)});`),
    upgrade?.userids && `sim.set_upgrade_members(${slice(upgrade.userids)}, ${slice(upgrade.department_ids)});`,
    upgrade?.chat_ids && `sim.set_upgrade_groupchats(${slice(upgrade.chat_ids)});`,
    upgrade?.managed_in_console && 'sim.manage_upgrade_in_console();',
    hasChannels && 'sim.bind_wechat_channels();',
  ].filter(Boolean);
}

/** @param {import('./test_steps.js').Plan['profile']} members */
function profile({ gender, avatar, unionid }) {
  return [
    gender !== undefined && `customer.set_gender(${gender});`,
    avatar !== undefined && `customer.set_avatar(${avatar === '' ? 'None' : `Some(${rust(avatar)})`});`,
    unionid !== undefined && `customer.set_unionid(Some(${rust(unionid)}));`,
  ].filter(Boolean);
}

/** @param {import('./test_steps.js').Step} step */
function lineOf(step) {
  const { does, text, id, by, to, msgtype } = step;
  const servicer = `sim.servicer(${rust(by)})`;
  const named = step.name !== undefined && does !== 'recalls' ? `let said_${step.name} = ` : '';
  switch (does) {
    case 'advance':
      return `sim.advance(Duration::from_secs(${step.seconds}));`;
    case 'says':
      return by ? `${named}${servicer}.says(&customer, ${rust(text)});` : `${named}customer.says(${rust(text)});`;
    case 'sends': {
      const message = `${rust(msgtype)}, json!(${literal(step.body)})`;
      return by ? `${named}${servicer}.writes(&customer, ${message});` : `${named}customer.writes(${message});`;
    }
    case 'chooses':
      return `${named}customer.chooses(${rust(id)})?;`;
    case 'taps':
      return `${named}customer.taps(${rust(id)}, ${rust(text)});`;
    case 'hears':
      return `assert_eq!(customer.hears().await?.text(), Some(${rust(text)}));`;
    case 'hears_menu':
      return `assert_eq!(customer.hears().await?.labels(), [${step.labels.map(rust).join(', ')}]);`;
    case 'hears_kind':
      return `assert_eq!(customer.hears().await?.msgtype, ${rust(msgtype)});`;
    case 'state_is':
      return `assert_eq!(customer.state(), ${step.state});`;
    case 'is_offered':
      return `customer.is_offered(${rust(id)}).await?;`;
    case 'has_no_offer':
      return 'assert_eq!(customer.upgrade_offer(), None);';
    case 'accepts':
      return 'customer.accepts_upgrade()?;';
    case 'rates':
      return `customer.rates(Satisfaction::${step.rating[0].toUpperCase()}${step.rating.slice(1)})?;`;
    case 'recalls':
      return by ? `${servicer}.recalls(&customer, &said_${step.name})?;` : `customer.recalls(&said_${step.name})?;`;
    case 'enters':
      return enter(step.link);
    case 'transfers':
      return `${servicer}.transfers(&customer, ${rust(to)})?;`;
    case 'ends':
    case 'asks_to_rate':
      return `${servicer}.${does}(&customer)?;`;
    default:
      return `${servicer}.${does}(&customer);`;
  }
}

/** @param {import('./test_steps.js').Step['link']} link */
function enter({ scene = '', scene_param: param, channels }) {
  if (channels) return `customer.enters_from_channels(${channels.scene}, ${rust(channels.nickname)});`;
  if (scene === '' && param === undefined) return 'customer.enters();';
  return `customer.enters_with(${rust(scene)}, ${param === undefined ? 'None' : `Some(${rust(param)})`})?;`;
}

const rust = (text) => quoted(text, (code) => `\\u{${code.toString(16)}}`);

/** What stands in `json!`. A file of the chat is one that the test's simulator has. */
function literal(value) {
  if (typeof value === 'string') return rust(value);
  if (Array.isArray(value)) return `[${value.map(literal).join(', ')}]`;
  if (value === null || typeof value !== 'object') return String(value);
  const members = Object.entries(value).map(
    ([name, member]) => `${rust(name)}: ${/media_id$/.test(name) ? 'sim.media_id()' : literal(member)}`,
  );
  return members.length > 0 ? `{ ${members.join(', ')} }` : '{}';
}
