// Runs the client that @hey-api/openapi-ts generates against the simulator, as the documentation of the generator shows.
import { strict as assert } from "node:assert";
import { createClient } from "./hey/client";
import { accountList, gettoken, mediaGet, mediaUpload, sendMsg, syncMsg } from "./hey";

function environment(name: string): string {
    const value = process.env[name];
    assert(value, `${name} is not set`);
    return value;
}

const baseUrl = environment("WECOM_KF_BASE_URL");
const account = environment("WECOM_KF_OPEN_KFID");
const client = createClient({ baseUrl, throwOnError: true });
const picture = Buffer.from(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de" +
        "0000000c49444154789c63f8cfc000000301010018dd8db00000000049454e44ae426082",
    "hex",
);

async function succeeded<T extends { errcode?: number | null }>(call: Promise<{ data?: T }>): Promise<T> {
    const { data } = await call;
    assert(data && !data.errcode, JSON.stringify(data));
    return data;
}

/** Calls the control API of the simulator, which plays the customer. */
async function control(path: string, body: unknown): Promise<Record<string, string>> {
    const reply = await fetch(`${baseUrl}/sim/v1/${path}`, {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify(body),
    });
    assert(reply.ok, await reply.clone().text());
    return reply.json();
}

async function main() {
    const { external_userid: customer } = await control("customers", { name: "小王" });
    assert(customer);
    await control(`customers/${customer}/messages`, { msgtype: "text", text: { content: "你好" } });

    const corp = { corpid: environment("WECOM_CORP_ID"), corpsecret: environment("WECOM_KF_SECRET") };
    const { access_token } = await succeeded(gettoken({ client, query: corp }));
    assert(access_token);
    const query = { access_token };

    const accounts = await succeeded(accountList({ client, query, body: {} }));
    assert.deepEqual(accounts.account_list?.map((one) => one.open_kfid), [account]);

    const page = await succeeded(syncMsg({ client, query, body: { open_kfid: account } }));
    const texts = page.msg_list?.filter((one) => one.msgtype === "text").map((one) => one.text?.content);
    assert.deepEqual(texts, ["你好"]);

    const to = { touser: customer, open_kfid: account };
    const sent = await succeeded(sendMsg({ client, query, body: { ...to, msgtype: "text", text: { content: "您好" } } }));
    assert(sent.msgid);

    const media = new File([picture], "p.png", { type: "image/png" });
    const { media_id } = await succeeded(mediaUpload({ client, query: { ...query, type: "image" }, body: { media } }));
    assert(media_id);
    await succeeded(sendMsg({ client, query, body: { ...to, msgtype: "image", image: { media_id } } }));

    const whole = await mediaGet({ client, query: { ...query, media_id } });
    assert(whole.data);
    assert.deepEqual(Buffer.from(await whole.data.arrayBuffer()), picture);
    const part = await mediaGet({ client, query: { ...query, media_id }, headers: { Range: "bytes=0-7" } });
    assert(part.data);
    assert.deepEqual(Buffer.from(await part.data.arrayBuffer()), picture.subarray(0, 8));
}

main().catch((error: unknown) => {
    console.error(error);
    process.exit(1);
});
