// A chat as a Rust test against the simulator's library.

/** A pause of the chat this long is a step of the clock in the test. */
const PAUSE_S = 600;

/**
 * The test. It asks for the chat as it went, which may not be what it should be: read it before you keep it.
 *
 * Only the bot's own messages are asserted; what people do is played.
 */
export function testOf(person, entries, { servicers, info }) {
  const test = new Test(entries);
  for (const entry of entries) test.add(entry);
  const uses = [
    test.body.includes('Duration::') ? 'use std::time::Duration;\n\n' : '',
    test.body.includes('json!(') ? 'use serde_json::json;\n' : '',
    'use wecom_kf_sim::Simulator;\n',
  ];
  const staff = [...servicers.keys()].map((userid) => `.servicer(${rust(userid)})`).join('');
  const seed = info?.seed ? `.seed(${info.seed})` : '';
  return `${uses.join('')}
#[tokio::test]
async fn the_bot_answers_as_it_did() -> Result<(), Box<dyn std::error::Error>> {
    let sim = Simulator::builder()${seed}${staff}.start().await?;
    let bot = tokio::spawn(my_bot::run(sim.vars())); // your bot, with these variables for its environment
    let customer = sim.customer(${rust(person.name)});
${test.body}
    sim.report().assert_clean(); // no finding, or a table of them
    bot.abort();
    Ok(())
}
`;
}

class Test {
  body = '';
  /** Who has the session. */
  holder = null;
  /** A state that the bot chose, until it is sure to be reached. */
  chosen = null;
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
    this.chosen = null;
    this.body += '\n';
    this.passTime();
    this.say(line);
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
    if (this.chosen !== null) this.say(`assert_eq!(customer.state(), ${this.chosen});`);
    this.chosen = null;
  }

  menu(body) {
    const clicks = (body.list ?? []).filter(({ type }) => type === 'click').map(({ click }) => click);
    for (const { id } of clicks) this.items.add(id);
    if (clicks.length > 0) this.say(`assert_eq!(customer.hears().await?.labels(), [${clicks.map(({ content }) => rust(content)).join(', ')}]);`);
    else this.say('assert_eq!(customer.hears().await?.msgtype, "msgmenu");');
  }

  servicer(entry) {
    const { msgtype, servicer_userid: userid, body } = entry;
    this.holder = userid;
    // The library's servicers write texts; their other kinds are written over the control API.
    if (msgtype === 'text') this.step(`${this.named(entry)}sim.servicer(${rust(userid)}).says(&customer, ${rust(body.content)});`);
    else this.step(`// Not played: a message of the kind ${rust(msgtype)} by ${rust(userid)}.`);
  }

  note({ body: { event, by, state, servicer_userid: userid, scene, rejecting, msgid } }) {
    const servicer = (id) => `sim.servicer(${rust(id)})`;
    if (event === 'entered') this.step(scene ? `customer.enters_with(${rust(scene)}, None)?;` : 'customer.enters();');
    if (event === 'recalled') this.recall(msgid);
    if (event === 'rejecting') this.step(`${servicer(userid)}.${rejecting ? 'rejects' : 'stops_rejecting'}(&customer);`);
    if (event === 'state') this.chosen = state;
    if (by === 'api') return;
    if (event === 'taken') this.step(`${servicer(userid)}.takes(&customer);`);
    if (event === 'transferred' && this.holder) this.step(`${servicer(this.holder)}.transfers(&customer, ${rust(userid)})?;`);
    if (event === 'ended') this.step(`${servicer(userid)}.ends(&customer)?;`);
    if (event === 'taken' || event === 'transferred') this.holder = userid;
  }

  recall(msgid) {
    const name = this.names.get(msgid);
    if (!name) return;
    const { from, servicer_userid: userid } = this.entries.get(msgid);
    this.step(from === 'customer' ? `customer.recalls(&${name})?;` : `sim.servicer(${rust(userid)}).recalls(&customer, &${name})?;`);
  }
}

/** A literal of Rust. */
function rust(text) {
  const escaped = String(text).replace(/[\\"]/g, '\\$&').replaceAll('\n', '\\n').replaceAll('\r', '\\r').replaceAll('\t', '\\t');
  // What has no sign of its own could hide what a test says.
  return `"${escaped.replace(/[\p{Cc}\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu, (sign) => `\\u{${sign.codePointAt(0).toString(16)}}`)}"`;
}

/** What stands in `json!`. A file of the chat is one that the test's simulator has. */
function literal(value) {
  if (typeof value === 'string') return rust(value);
  if (Array.isArray(value)) return `[${value.map(literal).join(', ')}]`;
  if (value === null || typeof value !== 'object') return String(value);
  const members = Object.entries(value).map(([name, member]) => `${rust(name)}: ${/media_id$/.test(name) ? 'sim.media_id()' : literal(member)}`);
  return members.length > 0 ? `{ ${members.join(', ')} }` : '{}';
}
