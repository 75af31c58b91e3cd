//! The bot under test: answers texts, and hands a customer to servicers on request. Listens where WECOM_KF_LISTEN says.

import { createDecipheriv, createHash, timingSafeEqual } from "node:crypto";
import { createServer } from "node:http";

const RETRIED_ERRCODE = -1;
const TOKEN_ERRCODES = [40014, 42001];

export class Bot {
  #env;
  #accessToken;
  #cursors = new Map();
  /** One read follows another. */
  #reading = Promise.resolve();

  configure(env) {
    this.#env = env;
  }

  #signature({ timestamp, nonce }, encrypted) {
    const parts = [this.#env.WECOM_KF_CALLBACK_TOKEN, timestamp, nonce, encrypted].sort();
    return createHash("sha1").update(parts.join("")).digest();
  }

  /** Verifies the signature, and returns the message inside. */
  #decrypted(query, encrypted) {
    const given = Buffer.from(query.msg_signature ?? "", "hex");
    const made = this.#signature(query, encrypted);
    if (given.length !== made.length || !timingSafeEqual(given, made)) throw new Error("the signature does not match");
    const key = Buffer.from(`${this.#env.WECOM_KF_CALLBACK_AES_KEY}=`, "base64");
    const decipher = createDecipheriv("aes-256-cbc", key, key.subarray(0, 16)).setAutoPadding(false);
    const padded = Buffer.concat([decipher.update(encrypted, "base64"), decipher.final()]);
    const plain = padded.subarray(16, padded.length - padded.at(-1));
    const end = 4 + plain.readUInt32BE(0);
    if (plain.subarray(end).toString() !== this.#env.WECOM_CORP_ID) throw new Error("the callback is for another corp");
    return plain.subarray(4, end).toString();
  }

  #woken(xml) {
    if (!xml.includes("kf_msg_or_event")) return;
    const value = (name) => xml.match(new RegExp(`<${name}><!\\[CDATA\\[(.*?)\\]\\]>`))[1];
    this.#reading = this.#reading.then(() => this.#read(value("OpenKfId"), value("Token")));
  }

  async #read(openKfid, token) {
    for (;;) {
      const page = await this.call("sync_msg", { open_kfid: openKfid, token, cursor: this.#cursors.get(openKfid) });
      for (const message of page.msg_list) await this.#handle(message);
      this.#cursors.set(openKfid, page.next_cursor);
      if (!page.has_more) return;
    }
  }

  async #handle({ msgtype, origin, open_kfid, external_userid, msgid, text, event }) {
    if (event?.welcome_code) {
      const list = [menuItem("hours", "营业时间"), menuItem("human", "转人工")];
      await this.#answerEvent(event.welcome_code, "msgmenu", { head_content: "您好 👋", list });
    }
    if (msgtype !== "text" || origin !== 3) return;
    const customer = { open_kfid, external_userid };
    if (text.menu_id === "human") {
      const to = { service_state: 3, servicer_userid: "zhangsan" };
      const { msg_code } = await this.call("service_state/trans", { ...customer, ...to });
      await this.#answerEvent(msg_code, "text", { content: "正在为您转接人工 🙇" });
    } else if (text.content === "转人工") {
      await this.call("service_state/trans", { ...customer, service_state: 2 });
    } else if ((await this.call("service_state/get", customer)).service_state < 2) {
      await this.#answer(customer, msgid, text.content);
    }
  }

  async #answer(customer, msgid, text) {
    let reply = `收到：${text}`;
    if (text === "有专人吗？") {
      const member = { userid: "wangwu", wording: "您的专属顾问" };
      await this.call("customer/upgrade_service", { ...customer, type: 1, member });
      reply = "已为您推荐专员";
    } else if (text === "不用了") {
      await this.call("customer/cancel_upgrade_service", customer);
      reply = "好的";
    }
    const answer = { touser: customer.external_userid, open_kfid: customer.open_kfid, msgid: msgid.slice(0, 32) };
    await this.call("send_msg", { ...answer, msgtype: "text", text: { content: reply } });
  }

  async #answerEvent(code, msgtype, body) {
    await this.call("send_msg_on_event", { code, msgtype, [msgtype]: body });
  }

  /** Calls an operation, once more with a new token or if WeCom is busy. */
  async call(operation, body) {
    let errcode;
    for (let attempt = 0; attempt < 3; attempt += 1) {
      const query = new URLSearchParams({ corpid: this.#env.WECOM_CORP_ID, corpsecret: this.#env.WECOM_KF_SECRET });
      this.#accessToken ??= (await this.#request(`gettoken?${query}`)).access_token;
      const reply = await this.#request(`kf/${operation}?access_token=${this.#accessToken}`, body);
      errcode = reply.errcode;
      if (TOKEN_ERRCODES.includes(errcode)) this.#accessToken = undefined;
      else if (errcode !== RETRIED_ERRCODE) return reply;
    }
    throw new Error(`${operation} was refused with ${errcode}`);
  }

  async #request(path, body) {
    const request = body && { method: "POST", body: JSON.stringify(body), headers: { "Content-Type": "application/json" } };
    return (await fetch(`${this.#env.WECOM_KF_BASE_URL}/cgi-bin/${path}`, request)).json();
  }

  server() {
    return createServer(async (request, response) => {
      const query = Object.fromEntries(new URL(request.url, "http://bot").searchParams);
      let body = "";
      for await (const chunk of request) body += chunk;
      try {
        if (request.method === "GET") {
          response.end(this.#decrypted(query, query.echostr));
          return;
        }
        const xml = this.#decrypted(query, body.match(/<Encrypt><!\[CDATA\[(.*?)\]\]>/)[1]);
        response.end("success");
        this.#woken(xml);
      } catch {
        response.writeHead(403).end();
      }
    });
  }
}

function menuItem(id, content) {
  return { type: "click", click: { id, content } };
}

if (process.argv[1] === import.meta.filename) {
  const [host, port] = process.env.WECOM_KF_LISTEN.split(":");
  const bot = new Bot();
  bot.configure(process.env);
  bot.server().listen(Number(port), host);
}
