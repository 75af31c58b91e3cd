// A chat as a Rust test against the simulator's library.

/** A pause of the chat this long is a step of the clock in the test. */
const PAUSE_S = 600;

/**
 * The test. It asks for the chat as it went, which may not be what it should be: read it before you keep it.
 *
 * Only the bot's own messages are asserted; what people do is played.
 */
export function testOf(person, entries, { servicers, info }) {
  const test = new Test(person);
  for (const entry of entries) test.add(entry);
  const uses = test.body.includes('Duration::') ? 'use std::time::Duration;\n\n' : '';
  const staff = [...servicers.keys()].map((userid) => `.servicer(${rust(userid)})`).join('');
  const seed = info?.seed ? `.seed(${info.seed})` : '';
  return `${uses}use wecom_kf_sim::Simulator;

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
  holder = null;
  /** A state that the bot chose, until it is sure to be reached. */
  chosen = null;
  last = null;
  pause = 0;

  constructor(person) {
    this.person = person;
  }

  add(entry) {
    if (this.last !== null && entry.at - this.last >= PAUSE_S) this.pause = entry.at - this.last;
    this.last = entry.at;
    ({ customer: this.customer, bot: this.bot, servicer: this.servicer, note: this.note })[entry.from].call(this, entry);
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

  /** The library plays texts, taps and entering; the other kinds are written over the control API. */
  notPlayed(who, msgtype) {
    this.step(`// Not played: ${who.replace(/\s/g, ' ')} sent a message of the kind ${rust(msgtype)}.`);
  }

  customer({ msgtype, body }) {
    if (msgtype !== 'text') this.notPlayed('The customer', msgtype);
    else if (body.menu_id) this.step(`customer.taps(${rust(body.menu_id)}, ${rust(body.content)});`);
    else this.step(`customer.says(${rust(body.content)});`);
  }

  bot({ msgtype, body }) {
    this.passTime();
    if (msgtype === 'text') this.say(`assert_eq!(customer.hears().await?.text(), Some(${rust(body.content)}));`);
    else if (msgtype === 'msgmenu') this.menu(body);
    else this.say(`assert_eq!(customer.hears().await?.msgtype, ${rust(msgtype)});`);
    if (this.chosen !== null) this.say(`assert_eq!(customer.state(), ${this.chosen});`);
    this.chosen = null;
  }

  menu(body) {
    this.say('let menu = customer.hears().await?;');
    if (body.head_content) this.say(`assert_eq!(menu.body["head_content"], ${rust(body.head_content)});`);
    (body.list ?? []).forEach((item, place) => {
      this.say(`assert_eq!(menu.body["list"][${place}][${rust(item.type)}]["content"], ${rust(item[item.type]?.content ?? '')});`);
    });
  }

  servicer({ msgtype, body, servicer_userid: userid }) {
    this.holder = userid;
    if (msgtype !== 'text') this.notPlayed(userid, msgtype);
    else this.step(`sim.servicer(${rust(userid)}).says(&customer, ${rust(body.content)});`);
  }

  note({ body: { event, by, state, servicer_userid: userid } }) {
    if (event === 'entered') this.step('customer.enters();');
    if (event === 'state' && by === 'api') this.chosen = state;
    if (by === 'api') return;
    if (event === 'taken') this.step(`sim.servicer(${rust(userid)}).takes(&customer);`);
    if (event === 'transferred' && this.holder) this.step(`sim.servicer(${rust(this.holder)}).transfers(&customer, ${rust(userid)})?;`);
    if (event === 'ended' && this.holder) this.step(`sim.servicer(${rust(this.holder)}).ends(&customer)?;`);
    if (event === 'taken' || event === 'transferred') this.holder = userid;
  }
}

/** A literal of Rust. */
export function rust(text) {
  const escaped = String(text).replace(/[\\"]/g, '\\$&').replaceAll('\n', '\\n').replaceAll('\r', '\\r').replaceAll('\t', '\\t');
  // What has no sign of its own could hide what a test says.
  return `"${escaped.replace(/[\p{Cc}\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu, (sign) => `\\u{${sign.codePointAt(0).toString(16)}}`)}"`;
}
