// Requests that WeCom would refuse do not compile: the line below each of these comments must be an error.
import type { components } from "./wecom-kf";

type Send = components["schemas"]["SendRequest"];
type OnEvent = components["schemas"]["SendOnEventRequest"];
type Item = components["schemas"]["SendMenuItem"];
type Upgrade = components["schemas"]["UpgradeServiceRequest"];
type Sync = components["schemas"]["SyncRequest"];
const to = { touser: "wm1", open_kfid: "wk1" };

// @ts-expect-error an empty send
export const empty: Send = {};
// @ts-expect-error a kind without its body
export const bare: Send = { ...to, msgtype: "text" };
// @ts-expect-error a kind with the body of another
export const wrongPair: Send = { ...to, msgtype: "text", image: { media_id: "m" } };
// @ts-expect-error a body without its kind
export const noKind: Send = { ...to, text: { content: "您好" } };
// @ts-expect-error two bodies
export const twoBodies: Send = { ...to, msgtype: "text", text: { content: "您好" }, image: { media_id: "m" } };
// @ts-expect-error no customer
export const nobody: Send = { open_kfid: "wk1", msgtype: "text", text: { content: "您好" } };
// @ts-expect-error no account
export const noAccount: Send = { touser: "wm1", msgtype: "text", text: { content: "您好" } };
// @ts-expect-error a text without content
export const noContent: Send = { ...to, msgtype: "text", text: {} };
// @ts-expect-error a kind that cannot be sent
export const unknownKind: Send = { ...to, msgtype: "markdown", markdown: { content: "您好" } };
// @ts-expect-error an image in reply to an event
export const picture: OnEvent = { code: "c", msgtype: "image", image: { media_id: "m" } };
// @ts-expect-error a menu item of another kind
export const item: Item = { type: "view", click: { content: "转人工" } };
// @ts-expect-error a group, but the type of a member
export const upgrade: Upgrade = { open_kfid: "wk1", external_userid: "wm1", type: 1, groupchat: { chat_id: "wr1" } };
// @ts-expect-error no account to read
export const sync: Sync = {};
