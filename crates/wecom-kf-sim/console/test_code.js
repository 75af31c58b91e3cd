// A chat as a Rust test against the simulator's library.

/** A pause of the chat this long is a step of the clock in the test. */
const PAUSE_S = 600;

/**
 * The test. It asks for the chat as it went, which may not be what it should be: read it before you keep it.
 *
 * Only the bot's own messages are asserted; what people do is played.
 */
export function testOf(person, entries, { servicers, info, corp }) {
  const test = new Test(entries);
  for (const entry of entries) test.add(entry);
  test.settle();
  const uses = [
    test.body.includes('Duration::') ? 'use std::time::Duration;\n\n' : '',
    test.body.includes('json!(') ? 'use serde_json::json;\n' : '',
    `use wecom_kf_sim::${test.body.includes('Satisfaction::') ? '{Satisfaction, Simulator}' : 'Simulator'};\n`,
  ];
  // Who serves no account is a member of a department at most.
  const serving = [...servicers.values()].filter(({ open_kfids }) => open_kfids.length > 0);
  const staff = serving.map(({ userid }) => `.servicer(${rust(userid)})`).join('');
  const seed = info?.seed ? `.seed(${info.seed})` : '';
  return `${uses.join('')}
#[tokio::test]
async fn the_bot_answers_as_it_did() -> Result<(), Box<dyn std::error::Error>> {
    let sim = Simulator::builder()${seed}${staff}.start().await?;
${lines(settings(corp, entries))}    let bot = tokio::spawn(my_bot::run(sim.vars())); // your bot, with these variables for its environment
    let customer = sim.customer(${rust(person.name)});
${lines(said(person.profile))}${test.body}
    sim.report().assert_clean(); // no finding, or a table of them
    bot.abort();
    Ok(())
}
`;
}

const lines = (list) => list.map((line) => `    ${line}\n`).join('');
const slice = (list) => `&[${list.map((item) => (typeof item === 'number' ? item : rust(item))).join(', ')}]`;

/** What the corp's console sets, where it is not as at first. */
function settings({ upgrade, wechat_channels_bound, departments }, entries) {
  // Where the console manages offers the API makes none, so that was set later.
  const hasOffers = entries.some(({ from, body }) => from === 'note' && body.event === 'offered');
  const { userids, department_ids, chat_ids, managed_in_console } = upgrade;
  return [
    ...departments.map(({ department_id, userids }) => `sim.department(${department_id}, ${slice(userids)});`),
    userids.length + department_ids.length > 0 &&
      `sim.set_upgrade_members(${slice(userids)}, ${slice(department_ids)});`,
    chat_ids.length > 0 && `sim.set_upgrade_groupchats(${slice(chat_ids)});`,
    managed_in_console && !hasOffers && 'sim.manage_upgrade_in_console();',
    wechat_channels_bound && 'sim.bind_wechat_channels();',
  ].filter(Boolean);
}

/** What the customer says of themselves, likewise. */
function said({ gender, avatar, unionid }) {
  return [
    gender !== 0 && `customer.set_gender(${gender});`,
    avatar === null && 'customer.set_avatar(None);',
    avatar !== null && !avatar.startsWith('http://avatar.example/') && `customer.set_avatar(Some(${rust(avatar)}));`,
    unionid !== null && `customer.set_unionid(Some(${rust(unionid)}));`,
  ].filter(Boolean);
}

class Test {
  body = '';
  /** Who has the session. */
  holder = null;
  /** What the bot did without a message, as lines for after its next one, when it is sure to be done. */
  chosen = new Map();
  /** Who was offered last, until that is waited for. */
  offer = null;
  last = null;
  pause = 0;
  /** The ids of click items that a menu had. */
  items = new Set();
  /** By msgid, the variables of messages that are taken back. */
  names = new Map();

  constructor(entries) {
    this.entries = new Map(entries.map((entry) => [entry.msgid, entry]));
  }

  add(entry) {
    if (this.last !== null && entry.at - this.last >= PAUSE_S) this.pause = entry.at - this.last;
    this.last = entry.at;
    this[entry.from](entry);
  }

  say(line) {
    this.body += `    ${line}\n`;
  }

  step(line) {
    this.settle();
    this.chosen.clear();
    this.body += '\n';
    this.passTime();
    this.say(line);
  }

  /** Before people go on: the bot may still be at it. */
  settle() {
    if (this.offer !== null) this.say(`customer.is_offered(${rust(this.offer)}).await?;`);
    this.offer = null;
  }

  passTime() {
    if (this.pause > 0) this.say(`sim.advance(Duration::from_secs(${this.pause}));`);
    this.pause = 0;
  }

  /** `let said_3 = ` where the message is taken back later. */
  named({ recalled, msgid, n }) {
    if (!recalled) return '';
    this.names.set(msgid, `said_${n}`);
    return `let said_${n} = `;
  }

  customer(entry) {
    const { msgtype, body } = entry;
    const name = this.named(entry);
    if (msgtype !== 'text') this.step(`${name}customer.writes(${rust(msgtype)}, json!(${literal(body)}));`);
    else if (!body.menu_id) this.step(`${name}customer.says(${rust(body.content)});`);
    else if (this.items.has(body.menu_id)) this.step(`${name}customer.chooses(${rust(body.menu_id)})?;`);
    else this.step(`${name}customer.taps(${rust(body.menu_id)}, ${rust(body.content)});`);
  }

  bot({ msgtype, body, recalled }) {
    // What was not delivered is not heard.
    if (recalled) return;
    this.passTime();
    if (msgtype === 'text') this.say(`assert_eq!(customer.hears().await?.text(), Some(${rust(body.content)}));`);
    else if (msgtype === 'msgmenu') this.menu(body);
    else this.say(`assert_eq!(customer.hears().await?.msgtype, ${rust(msgtype)});`);
    for (const line of this.chosen.values()) this.say(line);
    this.chosen.clear();
  }

  menu(body) {
    const clicks = (body.list ?? []).filter(({ type }) => type === 'click').map(({ click }) => click);
    for (const { id } of clicks) this.items.add(id);
    if (clicks.length > 0)
      this.say(
        `assert_eq!(customer.hears().await?.labels(), [${clicks.map(({ content }) => rust(content)).join(', ')}]);`,
      );
    else this.say('assert_eq!(customer.hears().await?.msgtype, "msgmenu");');
  }

  servicer(entry) {
    const { msgtype, servicer_userid: userid, body } = entry;
    this.holder = userid;
    const writes =
      msgtype === 'text'
        ? `says(&customer, ${rust(body.content)})`
        : `writes(&customer, ${rust(msgtype)}, json!(${literal(body)}))`;
    this.step(`${this.named(entry)}sim.servicer(${rust(userid)}).${writes};`);
  }

  note({ body }) {
    const { event, by, state, servicer_userid: userid, rejecting, msgid, rating } = body;
    const servicer = (id) => `sim.servicer(${rust(id)})`;
    if (event === 'entered') this.enter(body);
    if (event === 'offered' || event === 'withdrawn') this.decide(event, body);
    if (event === 'accepted') this.step('customer.accepts_upgrade()?;');
    if (event === 'asked_to_rate') this.step(`${servicer(userid)}.asks_to_rate(&customer)?;`);
    if (event === 'rated') this.step(`customer.rates(Satisfaction::${rating[0].toUpperCase()}${rating.slice(1)})?;`);
    if (event === 'recalled') this.recall(msgid);
    if (event === 'rejecting')
      this.step(`${servicer(userid)}.${rejecting ? 'rejects' : 'stops_rejecting'}(&customer);`);
    if (event === 'state') this.chosen.set('state', `assert_eq!(customer.state(), ${state});`);
    if (by === 'api') return;
    if (event === 'taken') this.step(`${servicer(userid)}.takes(&customer);`);
    if (event === 'transferred' && this.holder)
      this.step(`${servicer(this.holder)}.transfers(&customer, ${rust(userid)})?;`);
    if (event === 'ended') this.step(`${servicer(userid)}.ends(&customer)?;`);
    if (event === 'taken' || event === 'transferred') this.holder = userid;
  }

  /** A link of the bot's says no more to it than its scene does, which needs no link to be there. */
  enter({ scene, scene_param: param, wechat_channels: channels }) {
    if (channels)
      this.step(
        `customer.enters_from_channels(${channels.scene}, ${rust(channels.nickname ?? channels.shop_nickname)});`,
      );
    else if (scene || param !== undefined)
      this.step(`customer.enters_with(${rust(scene)}, ${param === undefined ? 'None' : `Some(${rust(param)})`})?;`);
    else this.step('customer.enters();');
  }

  /** The bot offers, or withdraws what it offered. */
  decide(event, { id }) {
    this.passTime();
    this.offer = event === 'offered' ? id : null;
    if (event === 'offered') this.chosen.delete('offer');
    else this.chosen.set('offer', 'assert_eq!(customer.upgrade_offer(), None);');
  }

  recall(msgid) {
    const name = this.names.get(msgid);
    if (!name) return;
    const { from, servicer_userid: userid } = this.entries.get(msgid);
    this.step(
      from === 'customer'
        ? `customer.recalls(&${name})?;`
        : `sim.servicer(${rust(userid)}).recalls(&customer, &${name})?;`,
    );
  }
}

/** A literal of Rust. */
function rust(text) {
  const escaped = String(text)
    .replace(/[\\"]/g, '\\$&')
    .replaceAll('\n', '\\n')
    .replaceAll('\r', '\\r')
    .replaceAll('\t', '\\t');
  // What has no sign of its own could hide what a test says.
  return `"${escaped.replace(/[\p{Cc}\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu, (sign) => `\\u{${sign.codePointAt(0).toString(16)}}`)}"`;
}

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
